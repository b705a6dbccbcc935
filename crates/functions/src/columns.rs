//! Help on columns and plain values for several families; nothing here knows a call or a plan.

pub(crate) mod decimal;
pub(crate) mod mersenne_twister;
pub(crate) mod ordering;
pub(crate) mod patterns;
