//! From any schema to what code is generated for. What has no value in Rust is refused, with its
//! place in the file.

use std::collections::{BTreeMap, BTreeSet};

use factum_schema::{Body as AvroBody, FullName, LogicalType, Named, Schema, Shape, Type};
use serde_json::Value;

use crate::finding::Finding;
use crate::model::{Body, Def, Field, Fixed, Scalar, Ty, Union, UnionName, Version};
use crate::tree::Source;
use crate::{attributes, default, names, recursion};

/// The version that `source` holds, or findings.
pub(crate) fn version(source: &Source, findings: &mut Vec<Finding>) -> Option<Version> {
    let before = findings.len();
    let schema = parse(source, findings)?;
    let mut lower = Lower {
        schema: &schema,
        file: &source.shown,
        findings,
        warnings: Vec::new(),
        open: BTreeSet::new(),
        defs: BTreeMap::new(),
    };
    let root = lower.event(source)?;
    lower.settle_recursion();
    let (defs, mut warnings) = (lower.defs, lower.warnings);
    warnings.extend(attributes::warnings(&source.shown, &source.text));
    let version = Version {
        event: source.event.clone(),
        version: source.version,
        file: source.shown.clone(),
        path: source.path.display().to_string(),
        composed: source.is_composed.then(|| source.text.clone()),
        fingerprint: schema.fingerprint(),
        root,
        defs,
        warnings,
    };
    if findings.len() == before {
        default::check(&version, findings);
    }
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

/// apache-avro may know a rule that factum-schema does not; it can't say where it is broken. Of
/// defaults it knows less: it takes none for big-decimal.
fn second_opinion(source: &Source, findings: &mut Vec<Finding>) {
    let Ok(mut json) = serde_json::from_str(&source.text) else {
        return;
    };
    strip_defaults(&mut json);
    if let Err(error) = apache_avro::Schema::parse(&json) {
        findings.push(Finding::new(&source.shown, "", error.to_string()));
    }
}

fn strip_defaults(json: &mut Value) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(strip_defaults),
        Value::Object(object) => {
            object.remove("default");
            for key in ["type", "items", "values", "fields"] {
                object.get_mut(key).into_iter().for_each(strip_defaults);
            }
        }
        _ => {}
    }
}

struct Lower<'a> {
    schema: &'a Schema,
    file: &'a str,
    findings: &'a mut Vec<Finding>,
    warnings: Vec<Finding>,
    /// The named types that are lowered, or being lowered.
    open: BTreeSet<FullName>,
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
        if source.aggregate.eq_ignore_ascii_case("type") || source.aggregate == "Types" {
            let root = self.schema.root().shape.label();
            if root == source.type_name() {
                let message = format!(
                    "this defines `{root}` in the folder `{}`; types that events share lie in the folder `types` of \
                     their context",
                    source.aggregate
                );
                return self.note("", message);
            }
        }
        let (Shape::Named(name), logical) = (&self.schema.root().shape, None) else {
            return self.note("", "an event is a record");
        };
        let Ty::Record { name, .. } = self.named(name, logical)? else {
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

    fn settle_recursion(&mut self) {
        for name in recursion::settle(&mut self.defs) {
            let pointer = self.defs[&name].pointer.clone();
            let message = format!(
                "every `{name}` contains another one, so that none has an end; put a union with null, an array or a map \
                 between"
            );
            self.note::<()>(&pointer, message);
        }
    }

    /// The type `ty`, whose union, if there is one in it, is called `home`.
    fn ty(&mut self, ty: &Type, home: &UnionName) -> Option<Ty> {
        let logical = self.logical(ty);
        match &ty.shape {
            Shape::Null => Some(Ty::Null),
            Shape::Named(name) => self.named(name, logical),
            Shape::Array(inner) => Some(Ty::Array(Box::new(self.ty(inner, home)?))),
            Shape::Map(inner) => Some(Ty::Map(Box::new(self.ty(inner, home)?))),
            Shape::Union(branches) => self.union(branches, &ty.pointer, home),
            shape => {
                let scalar = scalar(shape, logical);
                self.check_digits(logical, &ty.pointer)?;
                Some(Ty::Scalar(scalar))
            }
        }
    }

    /// One without a meaning is its plain type, and a warning.
    fn logical(&mut self, ty: &Type) -> Option<LogicalType> {
        self.schema.logical_type(ty).unwrap_or_else(|message| {
            self.warnings
                .push(Finding::new(self.file, &ty.pointer, message));
            None
        })
    }

    fn check_digits(&mut self, logical: Option<LogicalType>, pointer: &str) -> Option<()> {
        match logical {
            Some(LogicalType::Decimal(digits)) if digits.precision > 38 => {
                let message = format!(
                    "a decimal of {} digits is not supported, 38 is the most; use the logical type big-decimal",
                    digits.precision
                );
                self.note(pointer, message)
            }
            _ => Some(()),
        }
    }

    fn union(&mut self, branches: &[Type], pointer: &str, home: &UnionName) -> Option<Ty> {
        let is_null = |ty: &Type| matches!(ty.shape, Shape::Null);
        if branches.iter().all(is_null) {
            return self.note(pointer, "a union needs a branch other than null");
        }
        match branches {
            [null, other] | [other, null] if is_null(null) => Some(Ty::Nullable {
                null: u32::from(!is_null(&branches[0])),
                value: Box::new(self.ty(other, home)?),
            }),
            branches => {
                let lowered: Vec<_> = branches
                    .iter()
                    .map(|b| self.ty(b, &within(b, home)))
                    .collect();
                let branches = lowered.into_iter().collect::<Option<_>>()?;
                let name = home.clone();
                Some(Ty::Union(Union { name, branches }))
            }
        }
    }

    fn named(&mut self, name: &FullName, logical: Option<LogicalType>) -> Option<Ty> {
        let named = self.schema.named(name)?;
        match &named.body {
            AvroBody::Fixed(size) => {
                self.check_digits(logical, &named.pointer)?;
                Some(Ty::Fixed(Fixed {
                    name: name.clone(),
                    aliases: named.aliases.clone(),
                    size: *size,
                    logical,
                }))
            }
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
            AvroBody::Record(fields) => {
                self.record(named, fields);
                let (name, boxed) = (name.clone(), false);
                Some(Ty::Record { name, boxed })
            }
        }
    }

    /// What is wrong with a record is reported once, where it is defined.
    fn record(&mut self, named: &Named, fields: &[factum_schema::Field]) {
        if self.open.insert(named.name.clone()) {
            let fields: Vec<_> = fields
                .iter()
                .filter_map(|f| self.field(f, &named.name))
                .collect();
            self.define(named, Body::Record(fields));
        }
    }

    fn define(&mut self, named: &Named, body: Body) {
        let def = Def {
            name: named.name.clone(),
            aliases: named.aliases.clone(),
            doc: named.doc.clone(),
            pointer: named.pointer.clone(),
            body,
            recursive: false,
        };
        self.defs.insert(named.name.clone(), def);
    }

    fn field(&mut self, field: &factum_schema::Field, record: &FullName) -> Option<Field> {
        let home = UnionName {
            record: record.clone(),
            suffix: names::camel_case(&field.name),
        };
        Some(Field {
            name: field.name.clone(),
            aliases: field.aliases.clone(),
            doc: field.doc.clone(),
            ty: self.ty(&field.ty, &home)?,
            default: field.default.clone(),
            pointer: field.pointer.clone(),
        })
    }
}

/// What a union within the branch of another is called.
fn within(branch: &Type, home: &UnionName) -> UnionName {
    let more = match branch.shape {
        Shape::Array(_) => "Item",
        Shape::Map(_) => "Value",
        _ => "",
    };
    UnionName {
        record: home.record.clone(),
        suffix: format!("{}{more}", home.suffix),
    }
}

fn scalar(shape: &Shape, logical: Option<LogicalType>) -> Scalar {
    match (logical, shape) {
        (Some(logical), _) => Scalar::Logical(logical),
        (_, Shape::Boolean) => Scalar::Boolean,
        (_, Shape::Int) => Scalar::Int,
        (_, Shape::Long) => Scalar::Long,
        (_, Shape::Float) => Scalar::Float,
        (_, Shape::Double) => Scalar::Double,
        (_, Shape::Bytes) => Scalar::Bytes,
        _ => Scalar::String,
    }
}
