//! `sayso policy`: check house rules, see what a change would change, and which rule decides. A folder holds `*.cedar` files and, if it
//! likes, `registry.toml` and `cases.toml`; without a folder it is about the rules of this program.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{CliError, output};
use crate::domain::{Assurance, Purpose, RecipientClass, Regime, Source};
use crate::service::{Action, Change, Class, Part, Policies, changes, groups, schema};

#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check rules strictly, work out their table, and ask every case.
    Check(Check),
    /// Exactly the classes of questions whose answer changes from one folder to another.
    Diff(Diff),
    /// Which rules decide about a class of questions; a part that is not given stands for all.
    Explain(Explain),
    /// What rules may speak of, as a Cedar schema for editors.
    Schema(Folder),
    /// The rule files of a folder, checked, as the body for `POST /v1/admin/policies`.
    Bundle(Folder),
}

#[derive(Debug, Args)]
struct Folder {
    /// Folder with the policies.
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    of: Folder,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Diff {
    /// The rules as they are.
    before: PathBuf,
    /// The rules as they would be.
    after: PathBuf,
    /// For machines: every class.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Explain {
    #[command(flatten)]
    of: Folder,
    #[arg(long)]
    recipient_class: Option<RecipientClass>,
    /// `collect`, `score`, `explain`, `disclose` or `link`.
    #[arg(long, value_parser = action)]
    action: Option<Action>,
    #[arg(long)]
    purpose: Option<Purpose>,
    #[arg(long)]
    source: Option<Source>,
    #[arg(long)]
    regime: Option<Regime>,
    /// `none`, `self_declared` or `verified`.
    #[arg(long, value_parser = assurance)]
    assurance: Option<Assurance>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

fn action(name: &str) -> Result<Action, String> {
    let found = Action::ALL.into_iter().find(|action| action.as_str() == name);
    found.ok_or_else(|| format!("one of: {}", Action::ALL.map(Action::as_str).join(", ")))
}

fn assurance(name: &str) -> Result<Assurance, String> {
    let found = Assurance::ALL.into_iter().find(|assurance| assurance.as_str() == name);
    found.ok_or_else(|| format!("one of: {}", Assurance::ALL.map(Assurance::as_str).join(", ")))
}

#[derive(Serialize)]
struct Checked<'a> {
    sha256: &'a str,
    classes: usize,
    allowed: usize,
    cases: usize,
    formula: String,
}

#[derive(Serialize)]
struct ClassView {
    recipient_class: String,
    action: &'static str,
    purpose: String,
    source: String,
    regime: String,
    assurance: &'static str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<String>>,
}

/// One line of a comparison for machines: a class with another answer; last, where the formula of the score is another, both.
#[derive(Serialize)]
#[serde(untagged)]
enum DiffView {
    Class(ClassView),
    Formula { formula: FormulaView },
}

#[derive(Serialize)]
struct FormulaView {
    before: String,
    after: String,
}

impl FormulaView {
    fn of([before, after]: [String; 2]) -> Option<DiffView> {
        (before != after).then_some(DiffView::Formula { formula: Self { before, after } })
    }
}

#[derive(Serialize)]
struct Bundle<'a> {
    files: &'a std::collections::BTreeMap<String, String>,
}

impl Folder {
    fn read(&self) -> Result<Policies, CliError> {
        self.folder.as_deref().map_or_else(|| Ok(Policies::built_in()?), read)
    }
}

fn read(folder: &Path) -> Result<Policies, CliError> {
    Ok(Policies::read(folder)?)
}

impl Policy {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.what {
            What::Check(check) => check.run(),
            What::Diff(diff) => diff.run(),
            What::Explain(explain) => explain.run(),
            What::Schema(folder) => Ok(output::line(schema(&folder.read()?.registry).trim_end())?),
            What::Bundle(folder) => {
                let policies = folder.read()?;
                policies.check()?;
                Ok(output::json(&Bundle { files: &policies.files })?)
            }
        }
    }
}

impl Check {
    fn run(self) -> Result<(), CliError> {
        let policies = self.of.read()?;
        let rules = policies.check()?;
        let table = rules.table();
        let allowed = table.axes.all().filter(|class| table.allows(&class.row(), class.assurance)).count();
        let classes = table.axes.classes().unwrap_or_default();
        let (cases, formula) = (policies.cases.case.len(), policies.registry.formula.text());
        let checked = Checked { sha256: rules.sha256(), classes, allowed, cases, formula };
        if self.json {
            return Ok(output::json(&checked)?);
        }
        output::line(&format!("policy hash      {}", checked.sha256))?;
        output::line(&format!("classes          {classes}, of which the rules allow {allowed} behind the floor"))?;
        output::line(&format!("formula          {}", checked.formula))?;
        Ok(output::line(&format!("cases            {}, all as they are meant", checked.cases))?)
    }
}

impl Diff {
    fn run(self) -> Result<(), CliError> {
        let [before, after] = [read(&self.before)?, read(&self.after)?];
        let formulas = [&before, &after].map(|policies| policies.registry.formula.text());
        let [before, after] = [before.rules()?, after.rules()?];
        let changes = changes(before.table(), after.table());
        if self.json {
            let classes = changes.iter().map(|change| view(&change.class, change.allowed, None));
            let lines = classes.map(DiffView::Class).chain(FormulaView::of(formulas));
            let lines: Vec<DiffView> = lines.collect();
            return Ok(output::json(&lines)?);
        }
        let [now, then] = &formulas;
        if now != then {
            output::line(&format!("formula of the score\n  - {now}\n  + {then}"))?;
        }
        if changes.is_empty() {
            return Ok(output::line("no class of questions gets another answer")?);
        }
        output::line("recipient class / action / purpose / source / regime / assurance")?;
        for allowed in [false, true] {
            let some = |change: &&Change| change.allowed == allowed;
            let classes: Vec<Class> = changes.iter().filter(some).map(|change| change.class.clone()).collect();
            let word = if allowed { "allowed" } else { "denied" };
            output::line(&format!(
                "{} of {} classes are {word} from then on",
                classes.len(),
                before.axes().classes().unwrap_or_default()
            ))?;
            for group in groups(&classes, &[before.axes(), after.axes()]) {
                let parts = group.parts.map(|part| part.join("|")).join(" / ");
                output::line(&format!("  {} {parts}  ({})", if allowed { '+' } else { '-' }, group.classes))?;
            }
        }
        Ok(())
    }
}

impl Explain {
    fn run(self) -> Result<(), CliError> {
        let rules = self.of.read()?.rules()?;
        let Self { recipient_class, action, purpose, source, regime, assurance, json, .. } = self;
        let part = Part { recipient_class, action, purpose, source, regime, assurance };
        let classes = rules.axes().all().filter(|class| part.contains(class));
        let views: Vec<ClassView> = classes
            .map(|class| {
                let explained = rules.explain(&class);
                view(&class, explained.allowed, Some(explained.rules))
            })
            .collect();
        if views.is_empty() {
            return Err(CliError::Usage(
                "no class of questions is like this: `sayso policy schema` says what exists".into(),
            ));
        }
        if json {
            return Ok(output::json(&views)?);
        }
        for ClassView { recipient_class, action, purpose, source, regime, assurance, allowed, rules } in views {
            let answer = if allowed { "allowed" } else { "denied" };
            let rules = rules.filter(|rules| !rules.is_empty()).map_or("no rule".into(), |rules| rules.join(", "));
            output::line(&format!(
                "{answer:<7} by {rules}: {recipient_class} / {action} / {purpose} / {source} / {regime} / {assurance}"
            ))?;
        }
        Ok(())
    }
}

fn view(class: &Class, allowed: bool, rules: Option<Vec<String>>) -> ClassView {
    ClassView {
        recipient_class: class.recipient_class.to_string(),
        action: class.action.as_str(),
        purpose: class.purpose.to_string(),
        source: class.source.to_string(),
        regime: class.regime.to_string(),
        assurance: class.assurance.as_str(),
        allowed,
        rules,
    }
}
