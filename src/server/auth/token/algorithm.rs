//! Algorithms of signatures by their names in JOSE (RFC 7518 §3.1, RFC 8037 §3.1).
//!
//! Those that distribution 3 knows. `none` is not among them, so that nothing can ask for it.

macro_rules! algorithms {
    ($($variant:ident $name:literal;)*) => {
        /// How a token is signed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Algorithm { $($variant),* }

        impl Algorithm {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

algorithms! {
    EdDsa "EdDSA";
    Hs256 "HS256";
    Hs384 "HS384";
    Hs512 "HS512";
    Rs256 "RS256";
    Rs384 "RS384";
    Rs512 "RS512";
    Es256 "ES256";
    Es384 "ES384";
    Es512 "ES512";
    Ps256 "PS256";
    Ps384 "PS384";
    Ps512 "PS512";
}

impl Algorithm {
    /// Names are compared byte for byte: `nOnE` is no name either.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
}
