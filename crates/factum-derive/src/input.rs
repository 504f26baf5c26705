//! What a struct says about its table.

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, LitStr, Result, Type};

/// A struct with its table.
pub(crate) struct RowInput<'a> {
    pub name: &'a Ident,
    pub table: String,
    pub columns: Vec<ColumnInput<'a>>,
}

/// A field with its column.
pub(crate) struct ColumnInput<'a> {
    pub field: &'a Ident,
    pub ty: &'a Type,
    pub column: String,
    pub key: bool,
    pub nullable: bool,
}

impl<'a> RowInput<'a> {
    pub(crate) fn parse(input: &'a DeriveInput) -> Result<Self> {
        if !input.generics.params.is_empty() {
            let message = "a row has no type parameters: its columns must be known";
            return Err(Error::new(input.generics.span(), message));
        }
        let columns = fields(input)?
            .map(ColumnInput::parse)
            .collect::<Result<Vec<_>>>()?;
        distinct(&columns)?;
        if columns.is_empty() {
            let message = "a row needs a field: fields are its columns";
            return Err(Error::new(input.ident.span(), message));
        }
        Ok(Self {
            name: &input.ident,
            table: table(input)?,
            columns,
        })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ColumnInput<'a>> {
        self.columns.iter().filter(|column| column.key)
    }
}

impl<'a> ColumnInput<'a> {
    fn parse(field: &'a syn::Field) -> Result<Self> {
        let ident = field.ident.as_ref().expect("fields are named");
        let mut column = ident.unraw().to_string();
        let mut key = false;
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("row")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("key") {
                    key = true;
                    Ok(())
                } else if meta.path.is_ident("column") {
                    column = meta.value()?.parse::<LitStr>()?.value();
                    Ok(())
                } else {
                    Err(meta.error("a field knows `key` and `column = \"…\"`"))
                }
            })?;
        }
        let nullable = is_option(&field.ty);
        if key && nullable {
            let message = "a key column can't be null: take the Option away";
            return Err(Error::new(field.ty.span(), message));
        }
        Ok(Self {
            field: ident,
            ty: &field.ty,
            column,
            key,
            nullable,
        })
    }
}

fn fields(input: &DeriveInput) -> Result<impl Iterator<Item = &syn::Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter()),
            _ => Err(Error::new(
                input.ident.span(),
                "a row needs named fields: they name its columns",
            )),
        },
        _ => Err(Error::new(input.ident.span(), "a row is a struct")),
    }
}

fn table(input: &DeriveInput) -> Result<String> {
    let mut table = None;
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("table") {
                table = Some(meta.value()?.parse::<LitStr>()?);
                Ok(())
            } else {
                Err(meta.error("a row knows `table = \"…\"`"))
            }
        })?;
    }
    let table = table.ok_or_else(|| {
        let message = "a row needs its table: add #[row(table = \"…\")]";
        Error::new(input.ident.span(), message)
    })?;
    let parts: Vec<_> = table.value().split('.').map(str::to_owned).collect();
    if parts.len() > 2 || parts.iter().any(String::is_empty) {
        let message = "a table is named \"table\" or \"schema.table\"";
        return Err(Error::new(table.span(), message));
    }
    Ok(table.value())
}

fn distinct(columns: &[ColumnInput<'_>]) -> Result<()> {
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|c| c.column == column.column) {
            let message = format!("two fields share the column `{}`", column.column);
            return Err(Error::new(column.field.span(), message));
        }
    }
    Ok(())
}

/// Whether a type is written as an `Option`, by any path.
fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Option"),
        Type::Group(group) => is_option(&group.elem),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn refusal(input: DeriveInput) -> String {
        let refused = RowInput::parse(&input).map(|row| row.table);
        refused.expect_err("it is refused").to_string()
    }

    #[test]
    fn fields_are_columns() {
        let input = parse_quote! {
            #[row(table = "bank.loan")]
            struct Loan {
                #[row(key)]
                case: String,
                r#type: i32,
                #[row(column = "ended at", key)]
                ended: Date,
                note: std::option::Option<String>,
            }
        };
        let row = RowInput::parse(&input).unwrap();
        let columns = row.columns.iter();
        let columns: Vec<_> = columns
            .map(|c| (c.column.as_str(), c.key, c.nullable))
            .collect();
        assert_eq!(
            columns,
            [
                ("case", true, false),
                ("type", false, false),
                ("ended at", true, false),
                ("note", false, true)
            ]
        );
        assert_eq!(row.table, "bank.loan");
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let key: syn::Field = parse_quote!(#[row(key)] id: String);
        for (input, reason) in [
            (parse_quote!(struct A { #key }), "a row needs its table"),
            (
                parse_quote!(#[row(table = "a.b.c")] struct A { #key }),
                "a table is named",
            ),
            (
                parse_quote!(
                    #[row(table = "a")]
                    struct A {}
                ),
                "a row needs a field",
            ),
            (
                parse_quote!(
                    #[row(table = "a")]
                    struct A {
                        #[row(key)]
                        id: Option<String>,
                    }
                ),
                "can't be null",
            ),
            (
                parse_quote!(#[row(table = "a")] struct A { #key, #[row(column = "id")] b: i32 }),
                "two fields share the column `id`",
            ),
            (
                parse_quote!(
                    #[row(table = "a")]
                    struct A {
                        #[row(index)]
                        a: i32,
                    }
                ),
                "a field knows",
            ),
            (
                parse_quote!(
                    #[row(table = "a")]
                    struct A(String);
                ),
                "named fields",
            ),
            (
                parse_quote!(
                    #[row(table = "a")]
                    enum A {
                        B,
                    }
                ),
                "a row is a struct",
            ),
            (
                parse_quote!(#[row(table = "a")] struct A<T> { #key, t: T }),
                "no type parameters",
            ),
        ] {
            let refusal = refusal(input);
            assert!(refusal.contains(reason), "`{reason}` is not in: {refusal}");
        }
    }
}
