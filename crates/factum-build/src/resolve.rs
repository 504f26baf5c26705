//! Avro's schema resolution, worked out when the code is generated: from an older version and the
//! newest to the plan that reads the one as the other.

mod record;
mod union;

use std::collections::BTreeMap;

use factum_schema::FullName;
use factum_schema::LogicalType::Decimal;

use crate::finding::Finding;
use crate::model::{Body, Fixed, Scalar, Ty, Version};
use crate::plan::{DefPlan, Pair, Plan, Plans};

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
    };
    resolver.def(&root);
    let defs = resolver.known.into_iter();
    let defs = defs
        .map(|(pair, plan)| Some((pair, plan?)))
        .collect::<Option<_>>();
    let plans = defs.map(|defs| Plans::new(root, defs));
    plans.filter(|_| findings.len() == before)
}

struct Resolver<'a> {
    writer: &'a Version,
    reader: &'a Version,
    findings: &'a mut Vec<Finding>,
    /// `None` while it is being planned, and where that failed.
    known: BTreeMap<Pair, Option<DefPlan>>,
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
        let written = if at.written.is_empty() {
            "/"
        } else {
            at.written
        };
        let message = format!("{message} (version {version} is {file}: {written})");
        self.findings
            .push(Finding::new(&self.reader.file, at.read, message));
        None
    }

    fn ty(&mut self, written: &Ty, read: &Ty, at: At<'_>) -> Option<Plan> {
        match (written, read) {
            (Ty::Nullable { .. } | Ty::Union(_), _) | (_, Ty::Nullable { .. } | Ty::Union(_)) => {
                self.union(written, read, at)
            }
            (Ty::Null, Ty::Null) => Some(Plan::Null),
            (Ty::Scalar(w), Ty::Scalar(r)) if readable(*w, *r) => Some(Plan::Scalar(*w, *r)),
            (Ty::Fixed(w), Ty::Fixed(r)) if readable_fixed(w, r) => Some(Plan::Fixed {
                fixed: r.clone(),
                same: w.logical == r.logical,
            }),
            (Ty::Array(w), Ty::Array(r)) => Some(Plan::Array {
                least: w.least(&self.writer.defs),
                item: Box::new(self.inner(w, r, at, "items")?),
            }),
            (Ty::Map(w), Ty::Map(r)) => Some(Plan::Map {
                least: w.least(&self.writer.defs),
                value: Box::new(self.inner(w, r, at, "values")?),
            }),
            (Ty::Record { name: w, .. }, Ty::Record { name: r, boxed }) if self.same_name(w, r) => {
                let plan = self.named(w, r);
                Some(if *boxed {
                    Plan::Boxed(Box::new(plan))
                } else {
                    plan
                })
            }
            (Ty::Enum(w), Ty::Enum(r)) if self.same_name(w, r) => Some(self.named(w, r)),
            (w, r) => self.mismatch(w, r, at),
        }
    }

    fn inner(&mut self, w: &Ty, r: &Ty, at: At<'_>, key: &str) -> Option<Plan> {
        let (written, read) = (
            format!("{}/{key}", at.written),
            format!("{}/{key}", at.read),
        );
        let at = At {
            written: &written,
            read: &read,
        };
        self.ty(w, r, at)
    }

    fn mismatch(&mut self, w: &Ty, r: &Ty, at: At<'_>) -> Option<Plan> {
        let advice = match (w, r) {
            (Ty::Record { .. }, Ty::Record { .. }) | (Ty::Enum(_), Ty::Enum(_)) => {
                "a type that was renamed names its older name in `aliases`"
            }
            _ => "keep the type, or add a field with a default",
        };
        let message = format!("{} can't be read as {}; {advice}", w.label(), r.label());
        self.note(at, &message)
    }

    /// Avro compares names without their namespace, and knows older names by aliases.
    fn same_name(&self, written: &FullName, read: &FullName) -> bool {
        written.short() == read.short() || self.reader.def(read).aliases.contains(written)
    }

    /// What is wrong with a record or an enum is a finding there.
    fn named(&mut self, written: &FullName, read: &FullName) -> Plan {
        let pair = Pair {
            written: written.clone(),
            read: read.clone(),
        };
        self.def(&pair);
        Plan::Def(pair)
    }

    fn def(&mut self, pair: &Pair) {
        if self.known.contains_key(pair) {
            return;
        }
        self.known.insert(pair.clone(), None);
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
        self.known.insert(pair.clone(), plan);
    }
}

/// A logical type is read as itself or as the plain type beneath it. The other way round is
/// refused, although Avro allows it: the older values' meaning was never stated.
fn readable(written: Scalar, read: Scalar) -> bool {
    use Scalar::{Bytes, Double, Float, Int, Logical, Long, String};
    let promoted = matches!(
        (written, read),
        (Int, Long | Float | Double)
            | (Long, Float | Double)
            | (Float, Double)
            | (String, Bytes)
            | (Bytes, String)
    );
    let longer = match (written, read) {
        (Logical(Decimal(w)), Logical(Decimal(r))) => {
            w.scale == r.scale && w.precision <= r.precision
        }
        _ => false,
    };
    promoted || longer || written == read || written.plain() == read
}

fn readable_fixed(written: &Fixed, read: &Fixed) -> bool {
    let named = written.name.short() == read.name.short() || read.aliases.contains(&written.name);
    let logical = match (written.logical, read.logical) {
        (Some(Decimal(w)), Some(Decimal(r))) => w.scale == r.scale && w.precision <= r.precision,
        (written, read) => read.is_none() || written == read,
    };
    named && logical && written.size == read.size
}
