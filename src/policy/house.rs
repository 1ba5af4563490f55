//! House rules: files in the Cedar policy language, checked strictly, and worked out for every class of question when they are loaded.
//!
//! Cedar alone would not be safe enough: a `forbid` whose condition fails is skipped, and one line can permit everything. So the rules
//! stand behind [`crate::gate::floor`], a class is allowed only without any error, and Cedar is never asked for a decision: the table is.
//! The language: <https://docs.cedarpolicy.com>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::str::FromStr;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use sha2::{Digest, Sha256};

use super::Registry;
use crate::domain::Assurance;
use crate::gate::{Action, Axes, Class, HouseTable};
use crate::limits;

/// Rule files by name: `house.cedar` and its text.
pub type RuleFiles = BTreeMap<String, String>;

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", .place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
pub struct Fault {
    /// Its name.
    pub file: String,
    /// Line and column, from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// House rules that were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// They cannot be used: everything that is wrong with them.
    #[error("house rules:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Bad(Vec<Fault>),
    /// The machine has no place for working them out now, whatever they say.
    #[error("house rules cannot be worked out now")]
    NoThread(#[source] std::io::Error),
}

/// Why a class is allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The answer.
    pub allowed: bool,
    /// The rules that decided, by `@id`. None when no rule permits it.
    pub rules: Vec<String>,
    /// Rules that could not be evaluated: each is a denial.
    pub errors: Vec<String>,
}

/// House rules that passed every check.
#[derive(Debug)]
pub struct HouseRules {
    table: HouseTable,
    rules: PolicySet,
    sha256: String,
}

/// The rules that this program was built with.
pub fn built_in_rules() -> RuleFiles {
    RuleFiles::from([("house.cedar".into(), include_str!("../../policies/house.cedar").into())])
}

/// The digest that every decision names: that of the lines which `sha256sum registry.toml *.cedar` prints in a folder of policies.
pub fn policy_sha256(registry_sha256: &str, files: &RuleFiles) -> String {
    let registry = format!("{registry_sha256}  registry.toml\n");
    let rules = files.iter().map(|(name, text)| format!("{}  {name}\n", hex::encode(Sha256::digest(text))));
    hex::encode(Sha256::digest(std::iter::once(registry).chain(rules).collect::<Vec<_>>().concat()))
}

/// What rules may speak of, in the schema language of Cedar.
pub fn schema(registry: &Registry) -> String {
    fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
        let names = names.into_iter().map(|name| format!("\"{}\"", name.as_ref()));
        names.collect::<Vec<_>>().join(", ")
    }
    let axes = registry.axes();
    let entities = [
        format!("entity RecipientClass enum [{}];\n", names(axes.recipient_classes)),
        format!("entity Purpose enum [{}];\n", names(axes.purposes)),
        format!("entity Source enum [{}];\n", names(axes.sources)),
        format!("entity Regime enum [{}];\n", names(axes.regimes)),
        format!("entity Assurance enum [{}];\n", names(Assurance::ALL.map(Assurance::as_str))),
    ]
    .concat();
    let actions = Action::ALL.map(Action::as_str).join(", ");
    format!(
        "{entities}action {actions} appliesTo {{\n    principal: [RecipientClass],\n    resource: [Purpose],\n    \
         context: {{ source: Source, regime: Regime, assurance: Assurance }}\n}};\n"
    )
}

impl HouseRules {
    /// Checks rules against the registry, strictly: whatever a rule names must exist, each has an `@id` of its own, none can fail, and
    /// none is without effect because of its types.
    ///
    /// # Errors
    /// Everything that is wrong, with file, line and column.
    pub fn load(registry: &Registry, files: &RuleFiles) -> Result<Self, RulesError> {
        // Cedar works its way down an expression by recursion, so how long a rule may be depends on the stack.
        let on_a_deep_stack = std::thread::Builder::new().stack_size(STACK_BYTES);
        std::thread::scope(|scope| {
            let loading = on_a_deep_stack.spawn_scoped(scope, || Self::load_here(registry, files));
            let ended = loading.map_err(RulesError::NoThread)?.join();
            let broke_off = |_| Err(vec![fault(ANY_FILE, "working them out broke off: write them in another way")]);
            ended.unwrap_or_else(broke_off).map_err(RulesError::Bad)
        })
    }

    fn load_here(registry: &Registry, files: &RuleFiles) -> Result<Self, Vec<Fault>> {
        let axes = registry.axes();
        few_classes(&axes).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut rules = PolicySet::new();
        let mut file_of = BTreeMap::new();
        for (name, text) in files {
            match read(name, text, &mut rules) {
                Ok(ids) => file_of.extend(ids.into_iter().map(|id| (id, (name, text)))),
                Err(some) => faults.extend(some),
            }
        }
        if files.is_empty() {
            faults
                .push(fault(ANY_FILE, "there is no `.cedar` file; without a rule that permits, everything is denied"));
        }
        if faults.is_empty() {
            faults.extend(validate(registry, &rules, &file_of));
        }
        if !faults.is_empty() {
            let mut said = BTreeSet::new();
            faults.retain(|fault| said.insert((fault.file.clone(), fault.place)) || fault.place.is_none());
            faults.truncate(limits::RULE_FAULTS_MAX);
            return Err(faults);
        }
        let (table, errors) = worked_out(axes, &rules);
        if errors.is_empty() {
            Ok(Self { table, rules, sha256: policy_sha256(&registry.sha256, files) })
        } else {
            Err(errors.iter().take(limits::RULE_FAULTS_MAX).map(|error| fault(ANY_FILE, error)).collect())
        }
    }

    /// The digest of the registry and these rules.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Every value that each part of a class can have.
    pub fn axes(&self) -> &Axes {
        &self.table.axes
    }

    /// The answer to every class.
    pub fn table(&self) -> &HouseTable {
        &self.table
    }

    /// The same, where nothing else is needed.
    pub fn into_table(self) -> HouseTable {
        self.table
    }

    /// Which rules decide about a class.
    pub fn explain(&self, class: &Class) -> Explained {
        Asking::new().ask(&self.rules, class)
    }
}

const STACK_BYTES: usize = 64 << 20;

/// What is wrong with no file in particular.
const ANY_FILE: &str = "*.cedar";

/// The answer to every class, and what cannot be evaluated for some class, which types alone do not show: an integer that becomes too
/// large. A class with an error is denied.
fn worked_out(axes: Axes, rules: &PolicySet) -> (HouseTable, BTreeSet<String>) {
    let (asking, mut errors) = (Asking::new(), BTreeSet::new());
    let table = HouseTable::new(axes, |class| {
        let answer = asking.ask(rules, class);
        errors.extend(answer.errors);
        answer.allowed
    });
    (table, errors)
}

fn fault(file: &str, message: &str) -> Fault {
    Fault { file: file.to_owned(), place: None, message: message.to_owned() }
}

fn few_classes(axes: &Axes) -> Result<(), Fault> {
    let classes = axes.classes();
    if classes.is_some_and(|classes| classes <= limits::HOUSE_CLASSES_MAX) {
        return Ok(());
    }
    let widest = axes.sizes().into_iter().max_by_key(|(_, size)| *size);
    let (name, size) = widest.unwrap_or_default();
    let message = format!(
        "there are more than {} classes of questions; the widest part is `{name}` with {size} values: shorten it",
        limits::HOUSE_CLASSES_MAX
    );
    Err(fault("registry.toml", &message))
}

/// Adds the rules of one file. Returns their ids.
fn read(name: &str, text: &str, rules: &mut PolicySet) -> Result<Vec<String>, Vec<Fault>> {
    if let Some(message) = too_costly(text) {
        return Err(vec![fault(name, message)]);
    }
    let parsed = PolicySet::from_str(text).map_err(|errors| {
        let errors = errors.iter().map(|error| located(name, text, &DetailedError::from(error)));
        errors.collect::<Vec<_>>()
    })?;
    let mut ids = Vec::new();
    let mut faults = Vec::new();
    if parsed.templates().next().is_some() {
        faults.push(fault(name, "templates (`?principal`, `?resource`) are not used here; name what is meant"));
    }
    for rule in parsed.policies() {
        let id = rule.annotation("id").filter(|id| !id.is_empty() && id.len() <= 60 && !id.contains(char::is_control));
        let Some(id) = id else {
            let start: String = rule.to_string().chars().take(60).collect();
            faults.push(fault(name, &format!("a rule needs an `@id(\"..\")` of at most 60 characters: {start}")));
            continue;
        };
        if rules.add(rule.new_id(PolicyId::new(id))).is_err() {
            faults.push(fault(name, &format!("there are two rules with the id `{id}`")));
        }
        ids.push(id.to_owned());
    }
    if rules.num_of_policies() > limits::RULES_MAX {
        faults.push(fault(name, "there are more than 500 rules"));
    }
    if faults.is_empty() { Ok(ids) } else { Err(faults) }
}

/// What Cedar would work through by recursion or again and again, without a bound of its own.
fn too_costly(text: &str) -> Option<&'static str> {
    let code = without_words(text);
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in code.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let words = || code.split(|c: char| !c.is_alphanumeric());
    let conditions = words().filter(|word| *word == "if").count();
    if text.len() > limits::RULE_FILE_BYTES_MAX {
        Some("a rule file is at most 16 KiB long: put some of the rules into another file")
    } else if deepest > limits::RULE_NESTING_MAX {
        Some("brackets are in each other more than 50 deep: write more rules with shorter conditions")
    } else if conditions > limits::RULE_NESTING_MAX {
        Some("there are more than 50 `if` in one file: write more rules, or more files")
    } else if words().any(|word| word == "like") {
        Some("`like` compares texts, and nothing here is a text: use `==`")
    } else {
        None
    }
}

/// The text without what stands in strings and comments, where a bracket is none.
fn without_words(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['"', '/']) {
        let (before, from) = rest.split_at(at);
        code.push_str(before);
        rest = if from.starts_with('"') {
            let mut is_escaped = true; // the mark that opens it does not close it
            let end = from.find(|c: char| {
                let closes = c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                closes
            });
            end.and_then(|end| from.get(end + 1..)).unwrap_or_default()
        } else if from.starts_with("//") {
            from.find(['\n', '\r']).and_then(|end| from.get(end..)).unwrap_or_default()
        } else {
            from.get(1..).unwrap_or_default()
        };
    }
    code + rest
}

fn validate(registry: &Registry, rules: &PolicySet, file_of: &BTreeMap<String, (&String, &String)>) -> Vec<Fault> {
    let schema = match Schema::from_cedarschema_str(&schema(registry)) {
        Ok((schema, _)) => schema,
        Err(error) => return vec![fault("registry.toml", &error.to_string())],
    };
    let result = Validator::new(schema).validate(rules, ValidationMode::Strict);
    let place = |id: &PolicyId, error: &DetailedError| {
        let nowhere = (&String::new(), &String::new());
        let (name, text) = *file_of.get(&id.to_string()).unwrap_or(&nowhere);
        located(name, text, error)
    };
    let errors = result.validation_errors().map(|error| place(error.policy_id(), &DetailedError::from(error)));
    let warnings =
        result.validation_warnings().map(|warning| place(warning.policy_id(), &DetailedError::from(warning)));
    errors.chain(warnings).collect()
}

/// What Cedar says, with its line.
fn located(name: &str, text: &str, error: &DetailedError) -> Fault {
    let mut message = error.message.clone();
    if let Some(help) = &error.help {
        let _cannot_fail = write!(message, " ({help})");
    }
    let before = error.source_locations.first().and_then(|label| text.get(..label.loc.start));
    let place = before.map(|before| {
        let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
        (line, before.chars().rev().take_while(|c| *c != '\n').count() + 1)
    });
    Fault { file: name.to_owned(), place, message }
}

/// What is needed to ask Cedar.
struct Asking {
    authorizer: Authorizer,
    nobody: Entities,
}

impl Asking {
    fn new() -> Self {
        Self { authorizer: Authorizer::new(), nobody: Entities::empty() }
    }

    fn ask(&self, rules: &PolicySet, class: &Class) -> Explained {
        let request = match request(class) {
            Ok(request) => request,
            Err(error) => return Explained { allowed: false, rules: Vec::new(), errors: vec![error] },
        };
        let answer = self.authorizer.is_authorized(&request, rules, &self.nobody);
        let errors: Vec<String> = answer.diagnostics().errors().map(ToString::to_string).collect();
        let mut deciding: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        deciding.sort();
        let allowed = answer.decision() == Decision::Allow && errors.is_empty();
        Explained { allowed, rules: deciding, errors }
    }
}

fn request(class: &Class) -> Result<Request, String> {
    let entity = |kind: &str, name: &str| {
        let kind = EntityTypeName::from_str(kind).map_err(|error| error.to_string())?;
        Ok::<_, String>(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
    };
    let pair = |key: &str, kind: &str, name: &str| {
        Ok::<_, String>((key.to_owned(), RestrictedExpression::new_entity_uid(entity(kind, name)?)))
    };
    let context = Context::from_pairs([
        pair("source", "Source", class.source.as_str())?,
        pair("regime", "Regime", class.regime.as_str())?,
        pair("assurance", "Assurance", class.assurance.as_str())?,
    ]);
    let context = context.map_err(|error| error.to_string())?;
    let principal = entity("RecipientClass", class.recipient_class.as_str())?;
    let action = entity("Action", class.action.as_str())?;
    let resource = entity("Purpose", class.purpose.as_str())?;
    Request::new(principal, action, resource, context, None).map_err(|error| error.to_string())
}
