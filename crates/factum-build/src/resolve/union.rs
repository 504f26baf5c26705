//! Unions: of the writer's union each branch by itself, and of the reader's the branch that matches.

use super::{At, Resolver};
use crate::model::{Scalar, Ty};
use crate::plan::Plan;

impl Resolver<'_> {
    /// At least one of the two is a union.
    pub(super) fn union(&mut self, written: &Ty, read: &Ty, at: At<'_>) -> Option<Plan> {
        match (written, read) {
            (
                Ty::Nullable { null, value: w },
                Ty::Nullable {
                    null: other,
                    value: r,
                },
            ) => {
                let (written, read) = (branch(at.written, 1 - null), branch(at.read, 1 - other));
                let at = At {
                    written: &written,
                    read: &read,
                };
                Some(Plan::Nullable {
                    null: *null,
                    flipped: null != other,
                    value: Box::new(self.ty(w, r, at)?),
                })
            }
            (Ty::Nullable { .. }, r) if !is_union(r) => self.null_is_gone(at),
            (Ty::Nullable { .. } | Ty::Union(_), r) => self.branches(written, r, at),
            (w, r) => self.branch(w, r, at),
        }
    }

    fn null_is_gone<T>(&mut self, at: At<'_>) -> Option<T> {
        let message = format!(
            "version {} may hold null here, this version can't",
            self.writer.version
        );
        self.note(at, &message)
    }

    /// Every branch of the writer's union, as what is read.
    fn branches(&mut self, union: &Ty, read: &Ty, at: At<'_>) -> Option<Plan> {
        let written = branches(union);
        let plans: Vec<_> = written
            .iter()
            .enumerate()
            .map(|(index, w)| {
                let place = branch(at.written, index as u32);
                let at = At {
                    written: &place,
                    ..at
                };
                if is_union(read) {
                    self.branch(w, read, at)
                } else {
                    self.ty(w, read, at)
                }
            })
            .collect();
        Some(Plan::Branches {
            plans: plans.into_iter().collect::<Option<_>>()?,
            read: if is_union(read) {
                branches(read).len()
            } else {
                0
            },
        })
    }

    /// A value that is no union, as a branch of the reader's.
    fn branch(&mut self, written: &Ty, union: &Ty, at: At<'_>) -> Option<Plan> {
        let candidates = branches(union);
        let Some(index) = self.matching(written, &candidates) else {
            return match (written, union) {
                (Ty::Null, _) => self.null_is_gone(at),
                // The message for the one branch there is says more.
                (w, Ty::Nullable { null, value }) => {
                    let read = branch(at.read, 1 - null);
                    self.ty(w, value, At { read: &read, ..at })
                }
                (w, r) => {
                    let message = format!(
                        "{} is no branch of the {} any more; keep the branch",
                        w.label(),
                        r.label()
                    );
                    self.note(at, &message)
                }
            };
        };
        let read = branch(at.read, index as u32);
        let at = At { read: &read, ..at };
        match (candidates[index], union) {
            (Ty::Null, _) => Some(Plan::None(index)),
            (r, Ty::Union(union)) => {
                let value = Box::new(self.ty(written, r, at)?);
                let plan = Plan::Branch {
                    union: union.clone(),
                    index,
                    value,
                };
                let is_option = union.null().is_some();
                Some(if is_option {
                    Plan::Some(Box::new(plan))
                } else {
                    plan
                })
            }
            (r, _) => Some(Plan::Some(Box::new(self.ty(written, r, at)?))),
        }
    }

    /// The reader's branch for a value of the type `written`, in the order of `factum-schema`: the same
    /// type or full name; an alias; then the name without namespace; then the first that it is promoted to.
    fn matching(&self, written: &Ty, candidates: &[&Ty]) -> Option<usize> {
        let find = |matches: &dyn Fn(&Ty) -> bool| candidates.iter().position(|read| matches(read));
        find(&|read| is_same_branch(written, read))
            .or_else(|| find(&|read| self.has_alias(written, read)))
            .or_else(|| find(&|read| has_same_short_name(written, read)))
            .or_else(|| find(&|read| is_promoted(written, read)))
    }

    fn has_alias(&self, written: &Ty, read: &Ty) -> bool {
        match (written, read) {
            (Ty::Fixed(w), Ty::Fixed(r)) => r.aliases.contains(&w.name),
            (Ty::Record { name: w, .. }, Ty::Record { name: r, .. })
            | (Ty::Enum(w), Ty::Enum(r)) => self.reader.def(r).aliases.contains(w),
            _ => false,
        }
    }
}

fn is_same_branch(written: &Ty, read: &Ty) -> bool {
    match (written, read) {
        (Ty::Scalar(w), Ty::Scalar(r)) => w.plain() == r.plain(),
        (Ty::Fixed(w), Ty::Fixed(r)) => w.name == r.name,
        (Ty::Record { name: w, .. }, Ty::Record { name: r, .. }) | (Ty::Enum(w), Ty::Enum(r)) => {
            w == r
        }
        (Ty::Null, Ty::Null) | (Ty::Array(_), Ty::Array(_)) | (Ty::Map(_), Ty::Map(_)) => true,
        _ => false,
    }
}

fn has_same_short_name(written: &Ty, read: &Ty) -> bool {
    match (written, read) {
        (Ty::Fixed(w), Ty::Fixed(r)) => w.name.short() == r.name.short(),
        (Ty::Record { name: w, .. }, Ty::Record { name: r, .. }) | (Ty::Enum(w), Ty::Enum(r)) => {
            w.short() == r.short()
        }
        _ => false,
    }
}

fn is_promoted(written: &Ty, read: &Ty) -> bool {
    use Scalar::{Bytes, Double, Float, Int, Long, String};
    let (Ty::Scalar(written), Ty::Scalar(read)) = (written, read) else {
        return false;
    };
    matches!(
        (written.plain(), read.plain()),
        (Int, Long | Float | Double)
            | (Long, Float | Double)
            | (Float, Double)
            | (String, Bytes)
            | (Bytes, String)
    )
}

fn is_union(ty: &Ty) -> bool {
    matches!(ty, Ty::Nullable { .. } | Ty::Union(_))
}

/// The branches of a union, in the order of its schema.
fn branches(union: &Ty) -> Vec<&Ty> {
    match union {
        Ty::Nullable { null: 0, value } => vec![&Ty::Null, value],
        Ty::Nullable { value, .. } => vec![value, &Ty::Null],
        Ty::Union(union) => union.branches.iter().collect(),
        other => vec![other],
    }
}

/// Where a branch stands.
fn branch(union: &str, index: u32) -> String {
    format!("{union}/{index}")
}
