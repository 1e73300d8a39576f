//! MongoDB's aggregation expressions, as far as they are needed here.
//!
//! What comes from outside, each key and each value, is put into `$literal`, so that it is never read as an expression.

use mongodb::bson::{Bson, Document, bson, doc};

/// A value as it is.
pub(crate) fn literal(value: impl Into<Bson>) -> Bson {
    bson!({ "$literal": value.into() })
}

/// The BSON type of an expression: its name as `$type` tells it, or `missing`.
pub(crate) fn is_type(expression: impl Into<Bson>, name: &str) -> Bson {
    bson!({ "$eq": [{ "$type": expression.into() }, name] })
}

/// Whether it is a number, Decimal128 apart: JavaScript has none.
pub(crate) fn is_number(expression: impl Into<Bson>) -> Bson {
    bson!({ "$in": [{ "$type": expression.into() }, ["int", "long", "double"]] })
}

pub(crate) fn either(test: Bson, yes: impl Into<Bson>, no: impl Into<Bson>) -> Bson {
    bson!({ "$cond": [test, yes.into(), no.into()] })
}

pub(crate) fn all(tests: Vec<Bson>) -> Bson {
    bson!({ "$and": tests })
}

/// The expression if it is an object, else an empty one.
pub(crate) fn object(expression: &str) -> Bson {
    either(is_type(expression, "object"), expression, literal(Document::new()))
}

/// The first object with the fields of the others set. Fields that are there keep their places.
pub(crate) fn merged(objects: Vec<Bson>) -> Bson {
    bson!({ "$mergeObjects": objects })
}

/// An object without some of its fields.
pub(crate) fn without(object: impl Into<Bson>, names: Vec<Bson>) -> Bson {
    let others = doc! {
        "input": { "$objectToArray": object.into() },
        "as": "field",
        "cond": { "$not": [{ "$in": ["$$field.k", literal(names)] }] },
    };
    bson!({ "$arrayToObject": { "$filter": others } })
}

/// A field of an object, whatever its name.
pub(crate) fn field(name: &str, object: &str) -> Bson {
    bson!({ "$getField": { "field": literal(name), "input": object } })
}

/// An integer that fits Int64, in the type in which the driver of JavaScript would write it.
pub(crate) fn number(integer: Bson) -> Bson {
    let typed = bson!({ "$switch": {
        "branches": [
            {
                "case": all(vec![
                    bson!({ "$gte": ["$$n", i64::from(i32::MIN)] }),
                    bson!({ "$lte": ["$$n", i64::from(i32::MAX)] }),
                ]),
                "then": { "$toInt": "$$n" },
            },
            {
                "case": all(vec![bson!({ "$gt": ["$$n", -(1_i64 << 53)] }), bson!({ "$lt": ["$$n", 1_i64 << 53] })]),
                "then": { "$toDouble": "$$n" },
            },
        ],
        "default": "$$n",
    } });
    bson!({ "$let": { "vars": { "n": integer }, "in": typed } })
}
