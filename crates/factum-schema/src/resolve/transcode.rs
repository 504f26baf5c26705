//! Rewrites one value.

use std::ops::Range;

use crate::resolve::Resolution;
use crate::resolve::plan::{Plan, RecordPlan, Step};
use crate::resolve::skim::{Skim, deeper, skim};
use crate::{DecodeError, DecodeErrorKind as Kind, Reader, write};

type Result<T = ()> = std::result::Result<T, DecodeError>;

pub(super) fn run(resolution: &Resolution, input: &mut Reader<'_>, out: &mut Vec<u8>) -> Result {
    let room = Resolution::max_len(input.rest.len());
    let mut run = Run {
        resolution,
        input,
        limit: out.len().saturating_add(room),
        out,
    };
    run.plan(&resolution.root, 0)
}

struct Run<'r, 'i, 'v> {
    resolution: &'r Resolution,
    input: &'i mut Reader<'v>,
    out: &'i mut Vec<u8>,
    /// How long `out` may become.
    limit: usize,
}

impl<'r> Run<'r, '_, '_> {
    fn plan(&mut self, plan: &'r Plan, depth: u32) -> Result {
        match plan {
            Plan::Copy(part) => return self.copy(part, depth),
            Plan::Text => return self.copy(&Skim::Text, depth),
            Plan::IntFloat => write::float(self.out, self.input.int()? as f32),
            Plan::IntDouble => write::double(self.out, f64::from(self.input.int()?)),
            Plan::LongFloat => write::float(self.out, self.input.long()? as f32),
            Plan::LongDouble => write::double(self.out, self.input.long()? as f64),
            Plan::FloatDouble => write::double(self.out, f64::from(self.input.float()?)),
            Plan::Enum(targets) => {
                let index = self.input.index(targets.len() as u32)?;
                write::index(self.out, targets[index as usize]);
            }
            outer => return self.nested(outer, depth),
        }
        Ok(())
    }

    fn copy(&mut self, part: &Skim, depth: u32) -> Result {
        let whole = self.input.rest;
        skim(&self.resolution.skims, part, self.input, depth)?;
        let len = whole.len() - self.input.rest.len();
        self.out.extend_from_slice(&whole[..len]);
        Ok(())
    }

    fn nested(&mut self, outer: &'r Plan, depth: u32) -> Result {
        let depth = deeper(depth, self.input)?;
        match outer {
            Plan::Array { least, item } => self.blocks(*least, |run| run.plan(item, depth)),
            Plan::Map { least, value } => self.blocks(1 + *least, |run| {
                let key = run.input.str()?;
                write::string(run.out, key);
                run.plan(value, depth)
            }),
            Plan::Union(branches) => {
                let index = self.input.index(branches.len() as u32)?;
                self.plan(&branches[index as usize], depth)
            }
            Plan::Branch(index, inner) => {
                write::index(self.out, *index);
                self.plan(inner, depth)
            }
            Plan::Record(index) => self.record(&self.resolution.records[*index], depth),
            _ => Ok(()),
        }
    }

    /// Items keep their blocks, without the blocks' sizes: those change.
    fn blocks(&mut self, least: usize, mut item: impl FnMut(&mut Self) -> Result) -> Result {
        while let Some(block) = self.input.block(least)? {
            write::long(self.out, block.items as i64);
            for _ in 0..block.items {
                item(self)?;
                self.bounded(0)?; // Items of no bytes may become some.
            }
            self.input.ended(&block)?;
        }
        self.out.push(0);
        Ok(())
    }

    fn record(&mut self, record: &'r RecordPlan, depth: u32) -> Result {
        match &record.order {
            None => record
                .steps
                .iter()
                .try_for_each(|step| self.step(step, depth)),
            Some(order) => self.reordered(&record.steps, order, depth),
        }
    }

    fn step(&mut self, step: &'r Step, depth: u32) -> Result {
        match step {
            Step::Read(plan) => self.plan(plan, depth),
            Step::Skip(part) => skim(&self.resolution.skims, part, self.input, depth),
            Step::Default(bytes) => self.append(bytes),
        }
    }

    /// First in the order in which the fields were written, then once more in the one in which they
    /// are read, which moves to where the first stood.
    fn reordered(&mut self, steps: &'r [Step], order: &[usize], depth: u32) -> Result {
        let start = self.out.len();
        let mut parts: Vec<Range<usize>> = Vec::with_capacity(steps.len());
        for step in steps {
            let from = self.out.len();
            self.step(step, depth)?;
            parts.push(from..self.out.len());
        }
        let end = self.out.len();
        for &step in order {
            self.out.extend_from_within(parts[step].clone());
        }
        self.out.drain(start..end);
        Ok(())
    }

    /// Appends what the input has no bytes for.
    fn append(&mut self, bytes: &[u8]) -> Result {
        self.bounded(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn bounded(&self, more: usize) -> Result {
        if self.out.len() + more > self.limit {
            return Err(self.input.error(Kind::TooLarge));
        }
        Ok(())
    }
}
