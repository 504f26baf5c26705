//! From two schemas that fit to the plan that rewrites the one's values as the other's.

use std::collections::HashMap;

use serde_json::Value;

use crate::compat::{Direction, Incompatibility, Pair, Pairs, Rule, Source, Sources, choose, mend};
use crate::resolve::default::{TooLarge, encode};
use crate::resolve::plan::{Plan, RecordPlan, Step};
use crate::resolve::skim::Skims;
use crate::resolve::{Resolution, collapse};
use crate::schema::{Body, Field, FullName, Schema, Shape, Type};

pub(super) fn resolution(pairs: &Pairs<'_>) -> Result<Resolution, Incompatibility> {
    let mut compiler = Compiler {
        pairs,
        skims: Skims::new(pairs.writer),
        indices: HashMap::new(),
        met: Vec::new(),
        default_left: Resolution::MAX_DEFAULT,
    };
    let root = compiler.ty(pairs.reader.root(), pairs.writer.root());
    let mut records = Vec::new();
    while let Some(&pair) = compiler.met.get(records.len()) {
        let record = compiler.record(pair)?;
        records.push(record);
    }
    Ok(collapse::resolution(root, records, compiler.skims))
}

struct Compiler<'p, 'a> {
    pairs: &'p Pairs<'a>,
    skims: Skims<'a>,
    /// The record plans' indices.
    indices: HashMap<Pair<'a>, usize>,
    /// The pairs of records, in the order of their plans.
    met: Vec<Pair<'a>>,
    /// How large the defaults that are still to come may be.
    default_left: usize,
}

impl<'a> Compiler<'_, 'a> {
    /// That the types fit is known.
    fn ty(&mut self, r: &'a Type, w: &'a Type) -> Plan {
        match (&r.shape, &w.shape) {
            (_, Shape::Union(branches)) => {
                Plan::Union(branches.iter().map(|branch| self.ty(r, branch)).collect())
            }
            (Shape::Union(branches), _) => self.branch(branches, w),
            (Shape::Array(r), Shape::Array(w)) => Plan::Array {
                least: self.skims.least(w),
                item: Box::new(self.ty(r, w)),
            },
            (Shape::Map(r), Shape::Map(w)) => Plan::Map {
                least: self.skims.least(w),
                value: Box::new(self.ty(r, w)),
            },
            (Shape::Named(rn), Shape::Named(wn)) => self.named((rn, wn), w),
            (Shape::Float, Shape::Int) => Plan::IntFloat,
            (Shape::Double, Shape::Int) => Plan::IntDouble,
            (Shape::Float, Shape::Long) => Plan::LongFloat,
            (Shape::Double, Shape::Long) => Plan::LongDouble,
            (Shape::Double, Shape::Float) => Plan::FloatDouble,
            (Shape::String, Shape::Bytes) => Plan::Text,
            _ => Plan::Copy(self.skims.ty(w)),
        }
    }

    /// No branch fits only if a schema is broken: what follows the index is then nothing.
    fn branch(&mut self, branches: &'a [Type], w: &'a Type) -> Plan {
        let index = choose(self.pairs, branches, w).unwrap_or_default();
        let inner = match branches.get(index) {
            Some(branch) => self.ty(branch, w),
            None => Plan::Copy(self.skims.ty(w)),
        };
        Plan::Branch(index as u32, Box::new(inner))
    }

    fn named(&mut self, (rn, wn): Pair<'a>, w: &'a Type) -> Plan {
        let bodies = (body(self.pairs.reader, rn), body(self.pairs.writer, wn));
        match bodies {
            (Some(Body::Record(_)), Some(Body::Record(_))) => Plan::Record(self.index((rn, wn))),
            (
                Some(Body::Enum {
                    symbols: read,
                    default,
                }),
                Some(Body::Enum {
                    symbols: written, ..
                }),
            ) => Plan::Enum(symbols(read, default.as_ref(), written)),
            _ => Plan::Copy(self.skims.ty(w)),
        }
    }

    fn index(&mut self, pair: Pair<'a>) -> usize {
        *self.indices.entry(pair).or_insert_with(|| {
            self.met.push(pair);
            self.met.len() - 1
        })
    }

    fn record(&mut self, (rn, wn): Pair<'a>) -> Result<RecordPlan, Incompatibility> {
        let (read, written) = (fields(self.pairs.reader, rn), fields(self.pairs.writer, wn));
        let sources = Sources::new(written);
        let mut readers = vec![None; written.len()];
        let mut missing = Vec::new();
        for (index, field) in read.iter().enumerate() {
            match sources.of(field) {
                Source::Field(source) => readers[source] = Some(index),
                _ => missing.push(index),
            }
        }
        let mut defaults = self.defaults(read, missing)?.into_iter().peekable();
        let (mut steps, mut targets) = (Vec::new(), Vec::new());
        for (field, reader) in written.iter().zip(readers) {
            let Some(index) = reader else {
                steps.push(Step::Skip(self.skims.ty(&field.ty)));
                continue;
            };
            while let Some((earlier, default)) = defaults.next_if(|(earlier, _)| *earlier < index) {
                targets.push((earlier, steps.len()));
                steps.push(default);
            }
            targets.push((index, steps.len()));
            steps.push(Step::Read(self.ty(&read[index].ty, &field.ty)));
        }
        for (index, default) in defaults {
            targets.push((index, steps.len()));
            steps.push(default);
        }
        Ok(RecordPlan {
            order: order(targets),
            steps,
            written: self.skims.record(wn),
        })
    }

    /// The defaults of the fields of these indices.
    fn defaults(
        &mut self,
        read: &[Field],
        missing: Vec<usize>,
    ) -> Result<Vec<(usize, Step)>, Incompatibility> {
        let mut defaults = Vec::new();
        for index in missing {
            let field = &read[index];
            let value = field.default.as_ref().unwrap_or(&Value::Null);
            let bytes = encode(self.pairs.reader, field, value, &mut self.default_left);
            let bytes = bytes.map_err(|TooLarge| too_large(field))?;
            defaults.push((index, Step::Default(bytes)));
        }
        Ok(defaults)
    }
}

fn body<'a>(schema: &'a Schema, name: &FullName) -> Option<&'a Body> {
    schema.named(name).map(|named| &named.body)
}

fn fields<'a>(schema: &'a Schema, name: &FullName) -> &'a [Field] {
    match body(schema, name) {
        Some(Body::Record(fields)) => fields,
        _ => &[],
    }
}

/// For each written symbol the one that is read.
fn symbols(reader: &[String], default: Option<&String>, written: &[String]) -> Vec<u32> {
    let indices = reader.iter().enumerate();
    let indices: HashMap<_, _> = indices
        .map(|(index, symbol)| (symbol, index as u32))
        .collect();
    let target = |symbol| indices.get(symbol).or_else(|| indices.get(default?));
    let targets = written.iter().map(|symbol| target(symbol).copied());
    targets.map(Option::unwrap_or_default).collect()
}

/// For each of the reader's fields its step, unless the steps stand in the fields' order.
fn order(mut targets: Vec<(usize, usize)>) -> Option<Vec<usize>> {
    if targets.is_sorted() {
        return None;
    }
    targets.sort_unstable();
    Some(targets.into_iter().map(|(_, step)| step).collect())
}

fn too_large(field: &Field) -> Incompatibility {
    let rule = Rule::DefaultTooLarge;
    Incompatibility {
        rule,
        reader: format!("{}/default", field.pointer),
        writer: String::new(),
        message: format!(
            "with the default of `{}`, the defaults are larger than {} bytes, or hold themselves",
            field.name,
            Resolution::MAX_DEFAULT
        ),
        mend: mend(rule, Direction::Backward).to_owned(),
    }
}
