//! How an instance pays for bursts: `CpuCredits`, which is `standard` or `unlimited`.

use cumulet_model::CloudError;
use cumulet_model::credits::CreditMode;

use crate::query::Params;

const WORDS: [(&str, CreditMode); 2] =
    [("standard", CreditMode::Standard), ("unlimited", CreditMode::Unlimited)];

/// Reads the `CpuCredits` of a structure.
pub fn mode(params: &Params<'_>) -> Result<Option<CreditMode>, CloudError> {
    params.word("CpuCredits", &WORDS)
}

/// The word for a mode.
pub fn word(mode: CreditMode) -> &'static str {
    WORDS.iter().find(|(_, known)| *known == mode).map_or("standard", |(word, _)| word)
}
