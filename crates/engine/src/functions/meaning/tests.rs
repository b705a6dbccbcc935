use arrow::datatypes::DataType;
use datafusion::logical_expr::{ScalarFunctionArgs, Volatility};

use super::*;

/// A function with a name that another one may have as well.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Named {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Named {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args[0].clone())
    }
}

fn named(name: &'static str) -> Named {
    Named { name, signature: Signature::any(1, Volatility::Immutable) }
}

#[test]
fn a_mark_is_found_and_a_name_is_none() {
    let marked = with_meaning(named("f"), Meaning::EventTime);
    assert_eq!(meaning_of(&marked), Some(Meaning::EventTime));
    assert!(unmarked(&marked).inner().is::<Named>());
    let plain = ScalarUDF::from(named("window"));
    assert_eq!(meaning_of(&plain), None);
    assert!(unmarked(&plain).inner().is::<Named>());
}

#[test]
fn marks_tell_functions_apart() {
    let marked = with_meaning(named("f"), Meaning::EventTime);
    assert_eq!(marked, with_meaning(named("f"), Meaning::EventTime));
    assert_ne!(marked, with_meaning(named("f"), Meaning::BytesAsText));
    assert_ne!(marked, ScalarUDF::from(named("f")));
    assert_eq!((marked.name(), marked.signature()), ("f", &Signature::any(1, Volatility::Immutable)));
}
