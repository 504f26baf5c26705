//! From any schema to the part of Avro that code is generated for. What lies outside is refused,
//! with its place in the file.

use std::collections::{BTreeMap, BTreeSet};

use factum_schema::{Body as AvroBody, FullName, Named, Schema, Shape, Type};

use crate::default;
use crate::finding::Finding;
use crate::model::{Body, Def, Field, Fixed, Scalar, Ty, Version};
use crate::tree::Source;

/// The version that `source` holds, or findings.
pub(crate) fn version(source: &Source, findings: &mut Vec<Finding>) -> Option<Version> {
    let before = findings.len();
    let schema = parse(source, findings)?;
    let mut lower = Lower {
        schema: &schema,
        file: &source.shown,
        findings,
        open: BTreeSet::new(),
        failed: BTreeSet::new(),
        defs: BTreeMap::new(),
    };
    let root = lower.event(source)?;
    let defs = lower.defs;
    let version = Version {
        event: source.event.clone(),
        version: source.version,
        file: source.shown.clone(),
        path: source.path.display().to_string(),
        fingerprint: schema.fingerprint(),
        root,
        defs,
    };
    default::check(&version, findings);
    if findings.len() == before {
        second_opinion(source, findings);
    }
    (findings.len() == before).then_some(version)
}

fn parse(source: &Source, findings: &mut Vec<Finding>) -> Option<Schema> {
    let Source { text, shown, .. } = source;
    let note = |f: &factum_schema::Finding| Finding::new(shown, &f.pointer, &f.message);
    let parsed = Schema::parse(text);
    parsed
        .map_err(|error| findings.extend(error.findings.iter().map(note)))
        .ok()
}

/// apache-avro may know a rule that factum-schema does not; it can't say where it is broken.
fn second_opinion(source: &Source, findings: &mut Vec<Finding>) {
    if let Err(error) = apache_avro::Schema::parse_str(&source.text) {
        findings.push(Finding::new(&source.shown, "", error.to_string()));
    }
}

struct Lower<'a> {
    schema: &'a Schema,
    file: &'a str,
    findings: &'a mut Vec<Finding>,
    /// The records that are being lowered, to notice one that contains itself.
    open: BTreeSet<FullName>,
    /// The records that were refused already, each reported once.
    failed: BTreeSet<FullName>,
    defs: BTreeMap<FullName, Def>,
}

impl Lower<'_> {
    fn note<T>(&mut self, pointer: &str, message: impl Into<String>) -> Option<T> {
        self.findings
            .push(Finding::new(self.file, pointer, message));
        None
    }

    /// The event's record must be what its folder says.
    fn event(&mut self, source: &Source) -> Option<FullName> {
        let root = self.schema.root();
        let Ty::Record(name) = self.ty(root)? else {
            return self.note("", "an event is a record");
        };
        if name.short() != source.event {
            let message = format!(
                "the record is called `{}`, its folder `{}`; name it after the folder",
                name.short(),
                source.event
            );
            return self.note("/name", message);
        }
        if name.namespace() != source.aggregate_type() {
            let message = format!(
                "the record's namespace is `{}`; it must be `{}`, after its folders",
                name.namespace(),
                source.aggregate_type()
            );
            return self.note("/namespace", message);
        }
        Some(name)
    }

    fn ty(&mut self, ty: &Type) -> Option<Ty> {
        match &ty.shape {
            Shape::Named(name) => {
                self.no_logical(ty)?;
                self.reference(name, &ty.pointer)
            }
            Shape::Array(inner) => {
                self.no_logical(ty)?;
                self.array(inner)
            }
            Shape::Map(inner) => {
                self.no_logical(ty)?;
                Some(Ty::Map(Box::new(self.ty(inner)?)))
            }
            Shape::Union(branches) => self.nullable(branches, &ty.pointer),
            Shape::Null => self.note(&ty.pointer, "`null` is supported only within a union"),
            shape => self.scalar(shape, ty).map(Ty::Scalar),
        }
    }

    fn scalar(&mut self, shape: &Shape, ty: &Type) -> Option<Scalar> {
        let plain = match shape {
            Shape::Boolean => Scalar::Boolean,
            Shape::Int => Scalar::Int,
            Shape::Long => Scalar::Long,
            Shape::Float => Scalar::Float,
            Shape::Double => Scalar::Double,
            Shape::Bytes => Scalar::Bytes,
            _ => Scalar::String,
        };
        match (plain, ty.logical.as_deref()) {
            (plain, None) => Some(plain),
            (Scalar::Long, Some("timestamp-millis")) => Some(Scalar::TimestampMillis),
            (Scalar::Long, Some("timestamp-micros")) => Some(Scalar::TimestampMicros),
            (Scalar::Int, Some("date")) => Some(Scalar::Date),
            (Scalar::String, Some("uuid")) => Some(Scalar::Uuid),
            (plain, Some(logical)) => self.logical(logical, plain.label(), &ty.pointer),
        }
    }

    fn logical<T>(&mut self, logical: &str, label: &str, pointer: &str) -> Option<T> {
        let message = format!(
            "the logical type `{logical}` on `{label}` is not supported; supported are timestamp-millis and \
             timestamp-micros on long, date on int, and uuid on string"
        );
        self.note(&format!("{pointer}/logicalType"), message)
    }

    fn no_logical(&mut self, ty: &Type) -> Option<()> {
        match &ty.logical {
            Some(logical) => self.logical(logical, ty.shape.label(), &ty.pointer),
            None => Some(()),
        }
    }

    fn array(&mut self, inner: &Type) -> Option<Ty> {
        let item = self.ty(inner)?;
        if item.least(&self.defs) == 0 {
            let message = "the items of this array take no bytes, so a reader could not tell a true number of \
                           items from a false one; not supported";
            return self.note(&inner.pointer, message);
        }
        Some(Ty::Array(Box::new(item)))
    }

    fn nullable(&mut self, branches: &[Type], pointer: &str) -> Option<Ty> {
        let is_null = |ty: &Type| matches!(ty.shape, Shape::Null);
        match branches {
            [null, other] | [other, null] if is_null(null) => Some(Ty::Nullable {
                null: u32::from(!is_null(&branches[0])),
                value: Box::new(self.ty(other)?),
            }),
            _ => self.note(
                pointer,
                "this union is not supported; supported are unions of null and one other type",
            ),
        }
    }

    fn reference(&mut self, name: &FullName, pointer: &str) -> Option<Ty> {
        let named = self.schema.named(name)?;
        if let Some(logical) = &named.logical {
            return self.logical(logical, name.as_str(), &named.pointer);
        }
        match &named.body {
            AvroBody::Fixed(size) => Some(Ty::Fixed(Fixed {
                name: name.clone(),
                aliases: named.aliases.clone(),
                size: *size,
            })),
            AvroBody::Enum { symbols, default } => {
                if symbols.is_empty() {
                    return self.note(&named.pointer, "an enum without symbols has no values");
                }
                let body = Body::Enum {
                    symbols: symbols.clone(),
                    default: default.clone(),
                };
                self.define(named, body);
                Some(Ty::Enum(name.clone()))
            }
            AvroBody::Record(fields) => self.record(named, fields, pointer),
        }
    }

    fn record(
        &mut self,
        named: &Named,
        fields: &[factum_schema::Field],
        pointer: &str,
    ) -> Option<Ty> {
        let name = &named.name;
        if self.failed.contains(name) {
            return None;
        }
        if self.defs.contains_key(name) {
            return Some(Ty::Record(name.clone()));
        }
        if !self.open.insert(name.clone()) {
            let message = format!("the record `{name}` contains itself; not supported");
            return self.note(pointer, message);
        }
        let fields: Vec<_> = fields.iter().map(|field| self.field(field)).collect();
        self.open.remove(name);
        let Some(fields) = fields.into_iter().collect() else {
            self.failed.insert(name.clone());
            return None;
        };
        self.define(named, Body::Record(fields));
        Some(Ty::Record(name.clone()))
    }

    fn define(&mut self, named: &Named, body: Body) {
        let def = Def {
            name: named.name.clone(),
            aliases: named.aliases.clone(),
            doc: named.doc.clone(),
            pointer: named.pointer.clone(),
            body,
        };
        self.defs.insert(named.name.clone(), def);
    }

    fn field(&mut self, field: &factum_schema::Field) -> Option<Field> {
        Some(Field {
            name: field.name.clone(),
            aliases: field.aliases.clone(),
            doc: field.doc.clone(),
            ty: self.ty(&field.ty)?,
            default: field.default.clone(),
            pointer: field.pointer.clone(),
        })
    }
}
