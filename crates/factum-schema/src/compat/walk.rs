//! The walk over two schemas side by side.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::compat::branch::{Nearness, candidates};
use crate::compat::incompatibility::{Direction, Incompatibility, Rule};
use crate::compat::meaning;
use crate::compat::mend::mend;
use crate::compat::pairs::{Pair, Pairs};
use crate::compat::rules::{
    Source, Sources, missing_symbols, promotes, same_body, same_kind, same_name,
};
use crate::schema::{Body, Field, FullName, Named, Shape, Type};

/// What a walk finds.
#[derive(Default)]
pub(super) struct Report {
    pub incompatibilities: Vec<Incompatibility>,
    pub meaning: Vec<Incompatibility>,
}

/// Every finding, those of a shared type once.
pub(super) fn report(pairs: &Pairs<'_>, direction: Direction) -> Report {
    let mut walk = Walk {
        report: Some((direction, Report::default())),
        ..Walk::quiet(pairs)
    };
    walk.ty(pairs.reader.root(), pairs.writer.root());
    let mut queue: VecDeque<_> = walk.met.drain(..).collect();
    let mut seen = HashSet::new();
    while let Some(pair) = queue.pop_front() {
        if seen.insert(pair) {
            walk.body(pair);
            queue.extend(walk.met.drain(..));
        }
    }
    walk.report.map(|(_, report)| report).unwrap_or_default()
}

/// Goes through a pair of types down to the next named types, which it only lists.
pub(super) struct Walk<'p, 'a> {
    pairs: &'p Pairs<'a>,
    /// The pairs of named types that were met.
    pub met: Vec<Pair<'a>>,
    /// What was found, unless only the verdict counts.
    report: Option<(Direction, Report)>,
}

impl<'p, 'a> Walk<'p, 'a> {
    pub fn quiet(pairs: &'p Pairs<'a>) -> Self {
        Self {
            pairs,
            met: Vec::new(),
            report: None,
        }
    }

    /// Whether every value of `w` can be read as `r`, as far as is known of the named types in them.
    pub fn ty(&mut self, r: &Type, w: &Type) -> bool {
        match (&r.shape, &w.shape) {
            (_, Shape::Union(branches)) => all(branches, |branch| self.ty(r, branch)),
            (Shape::Union(branches), _) => self.union(r, branches, w),
            (Shape::Named(rn), Shape::Named(wn)) => self.named((r, rn), (w, wn)),
            (Shape::Array(r), Shape::Array(w)) | (Shape::Map(r), Shape::Map(w)) => self.ty(r, w),
            (rs, ws) if same_kind(rs, ws) || promotes(rs, ws) => self.plain(r, w),
            _ => self.mismatch(r, w),
        }
    }

    fn plain(&mut self, r: &Type, w: &Type) -> bool {
        if let Some((rule, message)) = self.report.as_ref().and_then(|_| meaning::plain(r, w)) {
            self.note(rule, &r.pointer, &w.pointer, || message);
        }
        true
    }

    fn mismatch(&mut self, r: &Type, w: &Type) -> bool {
        self.note(Rule::TypeMismatch, &r.pointer, &w.pointer, || {
            format!(
                "`{}` can't be read as `{}`",
                w.shape.label(),
                r.shape.label()
            )
        })
    }

    /// The nearest branch that can read it; if there is none, the nearest one's findings.
    fn union(&mut self, r: &Type, branches: &[Type], w: &Type) -> bool {
        let near = candidates((self.pairs.reader, branches), (self.pairs.writer, w));
        if self.report.is_none() {
            return near.iter().any(|&(_, index)| self.ty(&branches[index], w));
        }
        let chosen = near.iter().find(|(_, i)| self.pairs.fits(&branches[*i], w));
        let nearest = near.iter().find(|(near, _)| *near < Nearness::Promotion);
        match chosen.or(nearest) {
            Some(&(_, index)) => self.ty(&branches[index], w),
            None => self.note(Rule::MissingUnionBranch, &r.pointer, &w.pointer, || {
                format!(
                    "the union has no branch that `{}` can be read as",
                    w.shape.label()
                )
            }),
        }
    }

    fn named(&mut self, (r, rn): (&Type, &FullName), (w, wn): (&Type, &FullName)) -> bool {
        let pairs = self.pairs;
        let (Some(reader), Some(writer)) = (pairs.reader.named(rn), pairs.writer.named(wn)) else {
            return self.mismatch(r, w);
        };
        if !same_body(reader, writer) {
            return self.mismatch(r, w);
        }
        let pair = (&reader.name, &writer.name);
        self.met.push(pair);
        let named = same_name(reader, writer)
            || self.note(Rule::NameMismatch, &r.pointer, &w.pointer, || {
                format!(
                    "`{}` is not the `{}` that was written",
                    reader.name, writer.name
                )
            });
        named && !pairs.refuted.contains(&pair)
    }

    /// What makes up two named types of one kind; their names were compared where they are used.
    pub fn body(&mut self, (rn, wn): Pair<'a>) -> bool {
        let pairs = self.pairs;
        let (Some(r), Some(w)) = (pairs.reader.named(rn), pairs.writer.named(wn)) else {
            return false;
        };
        match (&r.body, &w.body) {
            (Body::Record(fields), Body::Record(written)) => self.record((r, fields), (w, written)),
            (Body::Enum { .. }, Body::Enum { .. }) => self.symbols(r, w),
            (Body::Fixed(size), Body::Fixed(written)) => self.fixed((r, *size), (w, *written)),
            _ => false,
        }
    }

    fn record(
        &mut self,
        (r, fields): (&Named, &[Field]),
        (w, written): (&Named, &[Field]),
    ) -> bool {
        let sources = Sources::new(written);
        let mut taken = HashMap::new();
        all(fields, |field| match sources.of(field) {
            Source::Field(index) => {
                let once = match taken.insert(index, &field.name) {
                    None => true,
                    Some(other) => self.read_twice((r, field), &written[index], other),
                };
                self.ty(&field.ty, &written[index].ty) & once
            }
            Source::Default => field.default.is_some() || self.no_default(field, w),
            Source::Ambiguous(a, b) => self.ambiguous(field, &written[a], &written[b]),
        })
    }

    fn read_twice(&mut self, (r, field): (&Named, &Field), written: &Field, other: &str) -> bool {
        self.note(
            Rule::AmbiguousField,
            &field.pointer,
            &written.pointer,
            || {
                let (record, name) = (&r.name, &field.name);
                format!(
                    "`{other}` and `{name}` of `{record}` would both be read from `{}`",
                    written.name
                )
            },
        )
    }

    fn no_default(&mut self, field: &Field, w: &Named) -> bool {
        let rule = Rule::ReaderFieldMissingDefaultValue;
        self.note(rule, &field.pointer, &w.pointer, || {
            let name = &field.name;
            format!("the field `{name}` has no default, and the `{}` that was written has no such field", w.name)
        })
    }

    fn ambiguous(&mut self, field: &Field, a: &Field, b: &Field) -> bool {
        self.note(Rule::AmbiguousField, &field.pointer, &b.pointer, || {
            format!(
                "the field `{}` and its aliases name both `{}` and `{}`",
                field.name, a.name, b.name
            )
        })
    }

    fn symbols(&mut self, r: &Named, w: &Named) -> bool {
        let missing = missing_symbols(&r.body, &w.body);
        let at = |named: &Named| format!("{}/symbols", named.pointer);
        missing.is_empty()
            || self.note(Rule::MissingEnumSymbols, &at(r), &at(w), || {
                let symbols = missing.join("`, `");
                format!(
                    "`{}` has no `{symbols}`, and no default to read it as",
                    r.name
                )
            })
    }

    fn fixed(&mut self, (r, size): (&Named, usize), (w, written): (&Named, usize)) -> bool {
        if let Some((rule, message)) = self.report.as_ref().and_then(|_| meaning::fixed(r, w)) {
            self.note(rule, &r.pointer, &w.pointer, || message);
        }
        let at = |named: &Named| format!("{}/size", named.pointer);
        size == written
            || self.note(Rule::FixedSizeMismatch, &at(r), &at(w), || {
                format!(
                    "`{}` has {size} bytes, and was written with {written}",
                    r.name
                )
            })
    }

    /// Notes a finding, and is false: what it is about can't be read.
    fn note(
        &mut self,
        rule: Rule,
        reader: &str,
        writer: &str,
        message: impl FnOnce() -> String,
    ) -> bool {
        if let Some((direction, report)) = &mut self.report {
            let list = if rule.beyond_avro() {
                &mut report.meaning
            } else {
                &mut report.incompatibilities
            };
            list.push(Incompatibility {
                rule,
                reader: reader.to_owned(),
                writer: writer.to_owned(),
                message: message(),
                mend: mend(rule, *direction).to_owned(),
            });
        }
        false
    }
}

/// Whether it holds for all, each of which is looked at.
fn all<'t, T>(items: &'t [T], mut holds: impl FnMut(&'t T) -> bool) -> bool {
    items.iter().fold(true, |all, item| holds(item) & all)
}
