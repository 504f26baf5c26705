//! The specification's parsing canonical form, and the fingerprint over it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::schema::{Body, Field, FullName, Named, Schema, Shape, Type};

impl Schema {
    /// The parsing canonical form: two schemas that share it write the same bytes, under the same names.
    ///
    /// It is Java's reading of the specification: full names, primitives as plain strings without
    /// their logical type, no docs, defaults, aliases or other attributes.
    pub fn canonical_form(&self) -> String {
        let mut form = Form {
            schema: self,
            seen: BTreeSet::new(),
            out: String::new(),
        };
        form.ty(&self.root);
        form.out
    }

    /// The CRC-64-AVRO fingerprint of the canonical form: the schema's id in single-object
    /// encoding.
    pub fn fingerprint(&self) -> u64 {
        crate::crc64_avro(self.canonical_form().as_bytes())
    }

    /// The SHA-256 fingerprint of the canonical form, for where 64 bits are too few: two schemas that
    /// were made to collide in [`Schema::fingerprint`] differ here.
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_form()).into()
    }
}

struct Form<'a> {
    schema: &'a Schema,
    seen: BTreeSet<&'a FullName>,
    out: String,
}

impl<'a> Form<'a> {
    fn ty(&mut self, ty: &'a Type) {
        match &ty.shape {
            Shape::Array(items) => self.wrapped("{\"type\":\"array\",\"items\":", items),
            Shape::Map(values) => self.wrapped("{\"type\":\"map\",\"values\":", values),
            Shape::Union(branches) => self.list(branches, Self::ty),
            Shape::Named(name) => self.named(name),
            primitive => self.quoted(primitive.label()),
        }
    }

    fn wrapped(&mut self, open: &str, inner: &'a Type) {
        self.out.push_str(open);
        self.ty(inner);
        self.out.push('}');
    }

    fn named(&mut self, name: &'a FullName) {
        let definition = self.schema.named(name).filter(|_| self.seen.insert(name));
        match definition {
            Some(definition) => self.definition(definition),
            None => self.quoted(name.as_str()),
        }
    }

    fn definition(&mut self, named: &'a Named) {
        self.out.push_str("{\"name\":");
        self.quoted(named.name.as_str());
        match &named.body {
            Body::Record(fields) => {
                self.out.push_str(",\"type\":\"record\",\"fields\":");
                self.list(fields, Self::field);
            }
            Body::Enum { symbols, .. } => {
                self.out.push_str(",\"type\":\"enum\",\"symbols\":");
                self.list(symbols, |form, symbol| form.quoted(symbol));
            }
            Body::Fixed(size) => {
                self.out.push_str(",\"type\":\"fixed\",\"size\":");
                self.out.push_str(&size.to_string());
            }
        }
        self.out.push('}');
    }

    fn field(&mut self, field: &'a Field) {
        self.out.push_str("{\"name\":");
        self.quoted(&field.name);
        self.out.push_str(",\"type\":");
        self.ty(&field.ty);
        self.out.push('}');
    }

    fn list<T>(&mut self, items: &'a [T], mut each: impl FnMut(&mut Self, &'a T)) {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            each(self, item);
        }
        self.out.push(']');
    }

    /// Names are letters, digits, underscores and dots, so there is nothing to escape.
    fn quoted(&mut self, name: &str) {
        self.out.push('"');
        self.out.push_str(name);
        self.out.push('"');
    }
}
