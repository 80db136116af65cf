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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_the_program_was_built_with() {
        let lock = r#"
            [[package]]
            name = "peer"
            version = "0.9.1"
            [[package]]
            name = "peer"
            version = "0.11.0"
            [[package]]
            name = "other"
            version = "3.0.0"
            [[package]]
            name = "program"
            version = "1.0.0"
            dependencies = ["other", "peer 0.11.0"]
        "#;
        let lock: Lock = toml::from_str(lock).unwrap();
        assert_eq!(lock.version("program", "peer").unwrap(), "0.11.0");
        assert_eq!(lock.version("program", "other").unwrap(), "3.0.0");
        assert!(lock.version("program", "absent").is_err());
        assert!(lock.version("absent", "peer").is_err());
        assert!(Lock::read().unwrap().version("hashing", "sha2").unwrap().starts_with("0.11."));
    }
}
