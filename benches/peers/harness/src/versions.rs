//! Versions of the peers, from the lock file that the program was built with.

use serde::Deserialize;

use crate::row::Error;

#[derive(Deserialize)]
pub(crate) struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    pub(crate) fn read() -> Result<Self, Error> {
        Ok(toml::from_str(include_str!("../../Cargo.lock"))?)
    }

    /// The version of `package` on which `program` depends.
    pub(crate) fn version(&self, program: &str, package: &str) -> Result<String, Error> {
        let missing = || format!("{program} does not depend on {package}");
        let user = self.package.iter().find(|user| user.name == program).ok_or_else(missing)?;
        // A dependency is named alone, or with its version where the lock file has several.
        let named = user.dependencies.iter().map(|dependency| dependency.split(' '));
        let mut named = named.filter_map(|mut words| Some((words.next()?, words.next())));
        match named.find(|(name, _)| *name == package).ok_or_else(missing)? {
            (_, Some(version)) => Ok(version.to_owned()),
            (name, None) => {
                let found = self.package.iter().find(|package| package.name == name);
                Ok(found.ok_or_else(missing)?.version.clone())
            }
        }
    }
}
