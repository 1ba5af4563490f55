//! Every bound of the service in one place. None of them is a setting: a limit that an operator can raise is no limit.

/// Largest JSON request body, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest batch of activities, in bytes.
pub const ACTIVITIES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most activities in one batch; also the size of one transaction of an import.
pub const ACTIVITIES_MAX: usize = 1_000;
/// Most ids in one gate question.
pub const FILTER_IDS_MAX: usize = 1_000;
/// Most ids that are asked about as lines of text.
pub const LINES_MAX: usize = 1_000_000;
/// The same in bytes.
pub const LINES_BYTES_MAX: usize = 64 << 20;
/// Recipients that may do so at once.
pub const LINES_AT_ONCE_MAX: usize = 4;
/// Longest time for reading such an answer, in seconds.
pub const LINES_SECONDS_MAX: u64 = 300;
/// Longest time for a question to a gate elsewhere, in seconds.
pub const GATE_SECONDS_MAX: u64 = 5;
/// Longest time for the answer of an engine behind the proxy, in seconds.
pub const ENGINE_SECONDS_MAX: u64 = 30;
/// The same in bytes.
pub const ENGINE_BYTES_MAX: usize = 8 << 20;
/// Allows of a gate elsewhere that are kept until they end.
pub const LEASES_MAX: usize = 100_000;
/// Most leaves in one answer.
pub const LEAVES_MAX: i64 = 1_000;
/// Most requests at work at once; the next one gets 503.
pub const REQUESTS_AT_ONCE_MAX: usize = 512;
/// Most connections at once; the next one waits to be taken.
pub const CONNECTIONS_MAX: usize = 2_048;
/// Most of them from one address that is no trusted proxy; the next one is closed.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Longest time for the headers of one request, and between two on one connection, in seconds.
pub const HEADER_SECONDS_MAX: u64 = 15;
/// Calls without an account from one address in one minute; the next one gets 429.
pub const CALLS_PER_MINUTE_MAX: u32 = 1_500;
/// Addresses that are counted in one minute.
pub const CALLERS_COUNTED_MAX: usize = 100_000;
/// Longest time for a body to arrive, in seconds; a batch of activities has the time of its request.
pub const BODY_SECONDS_MAX: u64 = 10;
/// Longest time for one request, in seconds.
pub const REQUEST_SECONDS_MAX: u64 = 30;
/// Slow hashes at work at once, and how many may wait for a place; the next one gets 503.
pub const HASHES_WAITING_MAX: usize = 256;
/// Longest handle or address, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Shortest and longest password, in characters and bytes.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How long an answer can be asked for again, in seconds.
pub const IDEMPOTENCY_SECONDS: i64 = 24 * 3600;
/// How long a mailed code counts, in seconds.
pub const CODE_SECONDS: i64 = 1800;
/// How many wrong codes end a code.
pub const CODE_TRIES_MAX: i64 = 5;
/// Codes mailed to one address in one hour.
pub const CODES_PER_HOUR_MAX: i64 = 6;
/// The same when each was used up by wrong guesses or by time.
pub const CODES_PER_HOUR_AT_MOST: i64 = 24;
/// Mails without a code (such as "this address has no account") to one address in one hour.
pub const COURTESIES_PER_HOUR_MAX: u32 = 3;
/// Addresses whose mails without a code are counted in one hour; the next ones get none.
pub const COURTESIES_COUNTED_MAX: usize = 100_000;
/// Receipts that one person can have mailed on one day.
pub const RECEIPTS_MAILED_PER_DAY_MAX: u32 = 20;
/// People whose mailed receipts are counted on one day; the next ones get none by mail.
pub const RECEIPTS_COUNTED_MAX: usize = 1_000_000;
/// How long a claim to a handle waits for its proof, in seconds.
pub const CLAIM_SECONDS: i64 = 7 * 24 * 3600;
/// Claims one person may have open.
pub const CLAIMS_MAX: i64 = 20;
/// How long an access token counts, in seconds.
pub const ACCESS_SECONDS: i64 = 600;
/// For how long a client may sign for its token, in seconds.
pub const ASSERTION_SECONDS_MAX: i64 = 300;
/// How far a client's clock may be ahead of ours, in seconds.
pub const ASSERTION_AHEAD_SECONDS_MAX: i64 = 30;
/// Questions of one recipient to the gate in one minute, unless it was registered for another number.
pub const CALLS_PER_MINUTE: u32 = 60_000;
/// People whom one recipient may ask about in one day, unless it was registered for another number.
pub const PEOPLE_PER_DAY: u32 = 1_000_000;
/// The most that a recipient can be registered for, of either.
pub const REGISTERED_MAX: u32 = 1_000_000_000;
/// Recipients whose questions are counted.
pub const RECIPIENTS_COUNTED_MAX: usize = 10_000;
/// How long a log-in can be refreshed, in seconds.
pub const SESSION_SECONDS: i64 = 30 * 24 * 3600;
/// How long a mail stays in the outbox folder, in seconds.
pub const MAIL_SECONDS: i64 = 24 * 3600;
/// How long somebody is tried to be told that something no longer holds, in days.
pub const TELLING_DAYS: i64 = 7;
/// How long it is shown who was told that something no longer holds, in days.
pub const DELIVERY_DAYS: i64 = 90;
/// How many different values one recipient is told of one person on one day; then none until the next.
pub const TOLD_PER_DAY_MAX: u32 = 8;
/// An engine's name for its formula, in bytes.
pub const FORMULA_BYTES_MAX: usize = 40;
/// An engine's words for those among whom it scored, in bytes.
pub const POPULATION_BYTES_MAX: usize = 200;
/// How long it is counted who asked about whom, in days.
pub const DECISION_DAYS: i64 = 396;
/// Somebody with at most so many rows is erased in the transaction that denies them; of others the rows follow.
pub const ERASED_AT_ONCE_ROWS_MAX: u32 = 500;
/// How long that waits for rows which others write, in milliseconds: all acts wait meanwhile.
pub const ERASED_AT_ONCE_WAITING_MILLIS: u32 = 300;
/// How long an allow may be used, in seconds.
pub const USE_BY_SECONDS: i64 = 5;
/// A grant stops counting this long before its end, in seconds.
pub const EXPIRY_MARGIN_SECONDS: i64 = 2;
/// A grant without an end ends after this many days.
pub const GRANT_DAYS: i64 = 365;
/// No grant lasts longer, in days.
pub const GRANT_DAYS_MAX: i64 = crate::domain::GRANT_DAYS_MAX;
/// Activities older than this many days are not taken.
pub const ACTIVITY_AGE_DAYS_MAX: i64 = 25 * 365;
/// Activities may be ahead of our clock by this, in seconds.
pub const ACTIVITY_AHEAD_SECONDS_MAX: i64 = 300;
/// Rows of one page of the audit.
pub const AUDIT_ROWS_MAX: i64 = 1_000;
/// Events that one search by purpose or recipient opens at most; the answer says where to go on.
pub const AUDIT_OPENED_MAX: usize = 20_000;
/// How long a recipient's decisions are counted in memory before they are written, in milliseconds.
pub const DECISION_FLUSH_MILLIS: u64 = 500;
/// A caller's id of a request that is given back, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 200;
/// Classes of questions that house rules may tell apart.
pub const HOUSE_CLASSES_MAX: usize = 1 << 16;
/// Files of house rules.
pub const RULE_FILES_MAX: usize = 50;
/// House rules in all files together.
pub const RULES_MAX: usize = 500;
/// Brackets in each other, and conditions, in one file of house rules.
pub const RULE_NESTING_MAX: usize = 50;
/// So many of the things that are wrong with house rules are said at once.
pub const RULE_FAULTS_MAX: usize = 50;
/// One file of house rules, in bytes.
pub const RULE_FILE_BYTES_MAX: usize = 16 << 10;
/// House rules, in bytes.
pub const RULE_BYTES_MAX: usize = 128 << 10;
/// Access tokens whose signature need not be checked again; beyond it all are forgotten.
pub const TOKENS_REMEMBERED_MAX: usize = 10_000;
/// Decisions from memory that wait to be counted. Beyond it whoever asks waits until they were written.
/// Each takes some 40 bytes in a question about many, and 100 when it was asked alone.
pub const DECISIONS_WAITING_MAX: usize = 4_000_000;
/// Counts of decisions that are written in one transaction.
pub const DECISIONS_AT_ONCE: usize = 2_000;
