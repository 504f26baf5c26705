//! Records, field by field, and enums, symbol by symbol.

use super::{At, Resolver};
use crate::model::{Def, Field};
use crate::plan::{DefPlan, Plan, Step};

impl Resolver<'_> {
    pub(super) fn record(
        &mut self,
        (record, written): (&Def, &[Field]),
        read: &[Field],
    ) -> Option<DefPlan> {
        let sources = self.sources(written, read)?;
        let mut steps = Vec::new();
        let mut failed = false;
        for (index, field) in written.iter().enumerate() {
            match sources.iter().position(|source| *source == Some(index)) {
                Some(target) => match self.field(field, &read[target]) {
                    Some(plan) => steps.push(Step::Read(target, plan)),
                    None => failed = true,
                },
                None => steps.push(Step::Skip(field.ty.clone())),
            }
        }
        let missing: Vec<_> = (0..read.len()).filter(|i| sources[*i].is_none()).collect();
        for &index in &missing {
            failed |= self.default(&read[index], record).is_none();
        }
        (!failed).then_some(DefPlan::Record { steps, missing })
    }

    /// For each field that is read, the written field it comes from: by name, else by an alias.
    fn sources(&mut self, written: &[Field], read: &[Field]) -> Option<Vec<Option<usize>>> {
        let find = |name: &String| written.iter().position(|field| field.name == *name);
        let sources: Vec<_> = read
            .iter()
            .map(|field| find(&field.name).or_else(|| field.aliases.iter().find_map(find)))
            .collect();
        for (index, source) in sources.iter().enumerate() {
            let Some(source) = *source else { continue };
            if sources[..index].contains(&Some(source)) {
                let at = At {
                    written: &written[source].pointer,
                    read: &read[index].pointer,
                };
                let message = format!("two fields would be read from `{}`", written[source].name);
                return self.note(at, &message);
            }
        }
        Some(sources)
    }

    fn field(&mut self, written: &Field, read: &Field) -> Option<Plan> {
        let (w_at, r_at) = (
            format!("{}/type", written.pointer),
            format!("{}/type", read.pointer),
        );
        let at = At {
            written: &w_at,
            read: &r_at,
        };
        self.ty(&written.ty, &read.ty, at)
    }

    fn default(&mut self, field: &Field, record: &Def) -> Option<()> {
        if field.default.is_some() {
            return Some(());
        }
        let at = At {
            written: &record.pointer,
            read: &field.pointer,
        };
        let message = format!(
            "the field `{}` has no default, and version {} has no such field; give it a default, or name the older \
             field in its `aliases`",
            field.name, self.writer.version
        );
        self.note(at, &message)
    }

    pub(super) fn symbols(
        &mut self,
        (written, w): (&Def, &[String]),
        (read, r): (&Def, &[String]),
        default: Option<&str>,
    ) -> Option<DefPlan> {
        let find = |symbol: &str| r.iter().position(|known| known == symbol);
        let fallback = default.and_then(find);
        let mut targets = Vec::new();
        for symbol in w {
            match find(symbol).or(fallback) {
                Some(target) => targets.push(target),
                None => {
                    let read = format!("{}/symbols", read.pointer);
                    let at = At {
                        written: &written.pointer,
                        read: &read,
                    };
                    let message = format!(
                        "the symbol `{symbol}` is gone, and the enum has no default to read it as"
                    );
                    return self.note(at, &message);
                }
            }
        }
        let same = w == r;
        Some(DefPlan::Enum { targets, same })
    }
}
