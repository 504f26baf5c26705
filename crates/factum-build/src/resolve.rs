//! Avro's schema resolution, worked out when the code is generated: from an older version and the
//! newest to the plan that reads the one as the other.

use std::collections::BTreeMap;
use std::rc::Rc;

use factum_schema::FullName;

use crate::finding::Finding;
use crate::model::{Body, Def, Field, Fixed, Scalar, Ty, Version};
use crate::plan::{BodyPlan, DefPlan, Pair, Plan, Plans, Step};

/// Plans reading `writer`'s values as `reader`'s. What can't be read is a finding.
pub(crate) fn plans(
    writer: &Version,
    reader: &Version,
    findings: &mut Vec<Finding>,
) -> Option<Plans> {
    let before = findings.len();
    let root = Pair {
        written: writer.root.clone(),
        read: reader.root.clone(),
    };
    let mut resolver = Resolver {
        writer,
        reader,
        findings,
        known: BTreeMap::new(),
        order: Vec::new(),
    };
    resolver.def(&root);
    let defs = resolver.order;
    (findings.len() == before).then_some(Plans { root, defs })
}

struct Resolver<'a> {
    writer: &'a Version,
    reader: &'a Version,
    findings: &'a mut Vec<Finding>,
    known: BTreeMap<Pair, Option<Rc<DefPlan>>>,
    order: Vec<(Pair, Rc<DefPlan>)>,
}

/// The places of a written and a read type in their files.
#[derive(Clone, Copy)]
struct At<'a> {
    written: &'a str,
    read: &'a str,
}

impl Resolver<'_> {
    fn note<T>(&mut self, at: At<'_>, message: &str) -> Option<T> {
        let Version { version, file, .. } = self.writer;
        let message = format!(
            "{message} (version {version} is {file}: {})",
            if at.written.is_empty() {
                "/"
            } else {
                at.written
            }
        );
        self.findings
            .push(Finding::new(&self.reader.file, at.read, message));
        None
    }

    fn ty(&mut self, written: &Ty, read: &Ty, at: At<'_>) -> Option<Plan> {
        match (written, read) {
            (Ty::Scalar(w), Ty::Scalar(r)) if readable(*w, *r) => Some(Plan::Scalar(*w, *r)),
            (Ty::Fixed(w), Ty::Fixed(r)) if same_fixed(w, r) => Some(Plan::Fixed(r.size)),
            (Ty::Array(w), Ty::Array(r)) => Some(Plan::Array {
                least: w.least(&self.writer.defs),
                item: Box::new(self.inner(w, r, at, "items")?),
            }),
            (Ty::Map(w), Ty::Map(r)) => Some(Plan::Map {
                least: w.least(&self.writer.defs),
                value: Box::new(self.inner(w, r, at, "values")?),
            }),
            (
                Ty::Nullable { null, value: w },
                Ty::Nullable {
                    null: other,
                    value: r,
                },
            ) => {
                let (w_at, r_at) = (branch(at.written, *null), branch(at.read, *other));
                let at = At {
                    written: &w_at,
                    read: &r_at,
                };
                Some(Plan::Nullable {
                    null: *null,
                    flipped: null != other,
                    value: Box::new(self.ty(w, r, at)?),
                })
            }
            (w, Ty::Nullable { null, value: r }) => {
                let read = branch(at.read, *null);
                let plan = self.ty(w, r, At { read: &read, ..at })?;
                Some(Plan::Some(Box::new(plan)))
            }
            (Ty::Nullable { .. }, _) => self.note(
                at,
                &format!(
                    "version {} may hold null here, this version can't",
                    self.writer.version
                ),
            ),
            (Ty::Record(w), Ty::Record(r)) | (Ty::Enum(w), Ty::Enum(r)) if self.same_name(w, r) => {
                let pair = Pair {
                    written: w.clone(),
                    read: r.clone(),
                };
                self.def(&pair).map(|_| Plan::Def(pair))
            }
            (w, r) => self.mismatch(w, r, at),
        }
    }

    fn inner(&mut self, w: &Ty, r: &Ty, at: At<'_>, key: &str) -> Option<Plan> {
        let (written, read) = (
            format!("{}/{key}", at.written),
            format!("{}/{key}", at.read),
        );
        self.ty(
            w,
            r,
            At {
                written: &written,
                read: &read,
            },
        )
    }

    fn mismatch(&mut self, w: &Ty, r: &Ty, at: At<'_>) -> Option<Plan> {
        let advice = match (w, r) {
            (Ty::Record(_), Ty::Record(_)) | (Ty::Enum(_), Ty::Enum(_)) => {
                "a type that was renamed names its older name in `aliases`"
            }
            _ => "keep the type, or add a field with a default",
        };
        let message = format!("{} can't be read as {}; {advice}", w.label(), r.label());
        self.note(at, &message)
    }

    /// Avro compares names without their namespace, and knows older names by aliases.
    fn same_name(&self, written: &FullName, read: &FullName) -> bool {
        let aliases = &self.reader.def(read).aliases;
        written.short() == read.short() || aliases.contains(written)
    }

    fn def(&mut self, pair: &Pair) -> Option<Rc<DefPlan>> {
        if let Some(known) = self.known.get(pair) {
            return known.clone();
        }
        let (writer, reader) = (self.writer, self.reader);
        let (written, read) = (writer.def(&pair.written), reader.def(&pair.read));
        let plan = match (&written.body, &read.body) {
            (Body::Record(w), Body::Record(r)) => self.record((written, w), r),
            (
                Body::Enum { symbols: w, .. },
                Body::Enum {
                    symbols: r,
                    default,
                },
            ) => self.symbols((written, w), (read, r), default.as_deref()),
            _ => None,
        };
        let plan = plan.map(Rc::new);
        self.known.insert(pair.clone(), plan.clone());
        if let Some(plan) = &plan {
            self.order.push((pair.clone(), Rc::clone(plan)));
        }
        plan
    }

    fn record(&mut self, (record, written): (&Def, &[Field]), read: &[Field]) -> Option<DefPlan> {
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
        let same = missing.is_empty() && self.all_same(&steps);
        let body = BodyPlan::Record { steps, missing };
        (!failed).then_some(DefPlan { body, same })
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

    fn symbols(
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
        Some(DefPlan {
            body: BodyPlan::Enum(targets),
            same,
        })
    }

    fn all_same(&self, steps: &[Step]) -> bool {
        steps.iter().enumerate().all(|(index, step)| match step {
            Step::Read(target, plan) => *target == index && self.is_same(plan),
            Step::Skip(_) => false,
        })
    }

    /// Whether the plan reads what the newest version writes.
    fn is_same(&self, plan: &Plan) -> bool {
        match plan {
            Plan::Scalar(written, read) => written == read,
            Plan::Fixed(_) => true,
            Plan::Def(pair) => self.known[pair].as_ref().is_some_and(|plan| plan.same),
            Plan::Array { item, .. } => self.is_same(item),
            Plan::Map { value, .. } => self.is_same(value),
            Plan::Nullable { flipped, value, .. } => !flipped && self.is_same(value),
            Plan::Some(_) => false,
        }
    }
}

/// A logical type is read as itself or as the plain type beneath it. The other way round is
/// refused, although Avro allows it: the older values' meaning was never stated.
fn readable(written: Scalar, read: Scalar) -> bool {
    use Scalar::{Bytes, Double, Float, Int, Long, String};
    let promoted = matches!(
        (written, read),
        (Int, Long | Float | Double)
            | (Long, Float | Double)
            | (Float, Double)
            | (String, Bytes)
            | (Bytes, String)
    );
    promoted || written == read || written.plain() == read
}

fn same_fixed(written: &Fixed, read: &Fixed) -> bool {
    let named = written.name.short() == read.name.short() || read.aliases.contains(&written.name);
    named && written.size == read.size
}

/// Where the branch other than null stands in a union.
fn branch(union: &str, null: u32) -> String {
    format!("{union}/{}", 1 - null)
}
