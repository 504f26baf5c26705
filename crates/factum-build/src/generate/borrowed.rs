//! The borrowed form of the enum over an aggregate's events, and how it is read.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::docs;
use super::event;
use super::read::Readers;
use super::scope::Scope;
use crate::aggregate::Aggregate;
use crate::place::Home;

/// Its `decode`. An upcaster makes what owns its text; so that there is one type for all events, that is
/// written anew and borrowed, too.
pub(super) fn impls(aggregate: &Aggregate, readers: &Readers, scope: Scope<'_>) -> TokenStream {
    let (facade, name) = (scope.facade, scope.home.event_enum().ident());
    let owned = Home::owned(scope.home.aggregate).event_enum().ident();
    let arms = event::arms(aggregate, readers, scope);
    let docs = docs(&format!(
        "Reads an event of any released version as the newest, as [`{owned}`] is read, and borrows its\n\
         text and bytes from `value`.\n\n\
         Nothing can be borrowed from a value that an upcaster makes into the newest version, or whose\n\
         schema this build does not know. Such an event is read as [`{owned}`], written to `spare` in the\n\
         newest version, and borrowed from there. All others leave `spare` as it is.\n\n\
         # Errors\n\
         Where [`{owned}`] can't be read either; or an upcaster made what the newest version can't hold."
    ));
    quote! {
        impl<'a> #name<'a> {
            #docs
            pub fn decode(
                value: &'a [u8],
                spare: &'a mut ::std::vec::Vec<u8>,
            ) -> ::std::result::Result<Self, #facade::DecodeError> {
                Self::read(value, Some(spare))
            }

            /// Without `spare` only what can be borrowed from `value`.
            fn read(
                value: &'a [u8],
                spare: ::std::option::Option<&'a mut ::std::vec::Vec<u8>>,
            ) -> ::std::result::Result<Self, #facade::DecodeError> {
                let mut input = avro::Reader::new(value);
                let fingerprint = input.frame().map_err(#facade::DecodeError::new)?;
                match fingerprint {
                    #(#arms)*
                    other => match spare {
                        Some(spare) => {
                            Self::renew(value, spare)?;
                            Self::read(spare, None)
                        }
                        None => Err(#facade::DecodeError::new(input.unknown_schema(other))),
                    },
                }
            }

            /// Writes the event to `spare` in the newest version.
            #[cold]
            fn renew(
                value: &[u8],
                spare: &mut ::std::vec::Vec<u8>,
            ) -> ::std::result::Result<(), #facade::DecodeError> {
                let event = <#owned as #facade::Event>::decode(value)?;
                spare.clear();
                #facade::Event::encode(&event, spare);
                Ok(())
            }
        }
    }
}
