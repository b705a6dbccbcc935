//! A word in the log for options that nobody looks at.

use millstream_core::{Connector, KnownOptions, Options};

/// Warns of each option that means nothing to the connector. Spark ignores these without a word, and so they are no
/// errors, but most likely they are misspelt.
pub fn warn_of_unknown_options(connector: &dyn Connector, options: &Options) {
    let Some(known) = connector.known_options() else { return };
    let format = connector.names()[0];
    for option in known.unknown(options, &KnownOptions::OF_QUERIES) {
        tracing::warn!(format, option = option.name, did_you_mean = option.meant, "an unknown option has no effect");
    }
}
