//! What a route says of itself. The layers work from it, and tests go through every line.

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever asks.
    Anyone,
    /// A person, for themselves.
    Person,
    /// An operator.
    Operator,
    /// An auditor.
    Auditor,
    /// A collector.
    Collector,
    /// A recipient.
    Recipient,
    /// Nobody yet: it answers 501.
    NotBuilt,
}

/// When a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as it can.
    Prompt,
    /// At a fixed quantum of time, because how long it takes could tell who is known.
    Steady,
    /// The same, and decided once more right before it leaves, so that the wait tells nothing that was taken back meanwhile.
    Rechecked,
}

/// What a route reads of its address. A query that it does not read is refused, not ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The path.
    Path,
    /// The query too.
    Query,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method; `any` for whatever a proxy passes on.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// When it answers.
    pub pace: Pace,
    /// What it reads of its address.
    pub reads: Reads,
}
