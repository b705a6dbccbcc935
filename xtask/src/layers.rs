//! The arrows of ARCHITECTURE.md as tables: which package may depend on which ([`packages`]), and which module of a
//! package may name which other ([`modules`]).
//!
//! A table names everything that exists: a package or module without a row is a finding, and so is a row without a
//! module, so that neither a new folder nor a renamed one slips out of the check. The unit tests plant every arrow that
//! a row forbids and look whether it is seen.

mod modules;
mod packages;
mod paths;

use anyhow::Result;

/// Every arrow that should not be there, as a line for a person.
pub(crate) fn findings() -> Result<Vec<String>> {
    let mut findings = packages::findings(&packages::metadata()?)?;
    for table in modules::TABLES {
        findings.extend(modules::findings(table, &crate::root())?);
    }
    Ok(findings)
}
