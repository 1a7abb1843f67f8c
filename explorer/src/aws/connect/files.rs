//! What the AWS CLI's files and variables say about credentials: which profile is used, where its credentials come from, how long
//! that may take, and what to do if there are none. Reads only files.

use archiver::aws::failure::innermost;
use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::os_shim_internal::{Env, Fs};
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for configured credentials: a profile may need a process, a browser or a person.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait when nothing is configured, so that only the machine itself can have credentials.
const PATIENCE_FOR_NONE: Duration = Duration::from_secs(2);
/// Most profiles listed when the wanted one does not exist.
const PROFILES_NAMED: usize = 8;
/// Most profiles in a chain of source profiles.
const LONGEST_CHAIN: usize = 8;

/// The files, and the profile in use.
#[derive(Debug)]
pub(super) struct CliFiles {
    config: File,
    credentials: File,
    profiles: ProfileSet,
    profile: String,
    /// How the profile was named, if it was.
    named_by: Option<NamedBy>,
    variables: Variables,
    /// What is wrong with the files.
    problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedBy {
    Option,
    Variable,
}

#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    /// The variable that names it, if one does.
    variable: Option<&'static str>,
    text: Option<String>,
}

/// What variables say about credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Variables {
    keys: bool,
    web_identity: bool,
    container: bool,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialSource {
    Variables,
    WebIdentity,
    Container,
    Process,
    Sso,
    Login,
    Role,
    Keys,
}

impl CliFiles {
    /// Reads the files, for the named profile or the one that the variables name.
    pub(super) async fn read(profile: Option<&str>) -> Self {
        let variable = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(variable);
        let named_by = match (profile, &variable) {
            (Some(_), _) => Some(NamedBy::Option),
            (None, Some(_)) => Some(NamedBy::Variable),
            (None, None) => None,
        };
        let profile = profile.map(str::to_owned).or(variable).unwrap_or_else(|| "default".to_owned());
        let (config, config_problem) = File::read("AWS_CONFIG_FILE", "config");
        let (credentials, credentials_problem) = File::read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let parsed = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), Some(profile.clone().into())).await;
        let (profiles, unparsable) = match parsed {
            Ok(profiles) => (profiles, None),
            Err(error) => (ProfileSet::default(), Some(one_line(&innermost(&error).to_string()))),
        };
        let has = |name: &str| variable_is_set(name);
        Self {
            config,
            credentials,
            profiles,
            profile,
            named_by,
            variables: Variables {
                keys: has("AWS_ACCESS_KEY_ID") && has("AWS_SECRET_ACCESS_KEY"),
                web_identity: has("AWS_WEB_IDENTITY_TOKEN_FILE"),
                container: has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || has("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            },
            problem: config_problem.or(credentials_problem).or(unparsable),
        }
    }

    /// The profile, if one was named.
    pub(super) fn named_profile(&self) -> Option<&str> {
        self.named_by.map(|_| self.profile.as_str())
    }

    /// The profile that takes precedence over credentials in variables, as in the AWS CLI: one named by an option.
    pub(super) fn only_profile(&self) -> Option<&str> {
        self.named_by.filter(|named_by| *named_by == NamedBy::Option).map(|_| self.profile.as_str())
    }

    /// Finds mistakes that would make every call fail.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.source() == Some(CredentialSource::Variables) {
            return Ok(());
        }
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        match self.named_profile() {
            Some(name) if self.profiles.get_profile(name).is_none() => Err(self.no_such_profile(name)),
            Some(_) | None => Ok(()),
        }
    }

    /// The file of trusted certificates, and what names it.
    pub(super) fn ca_bundle(&self) -> Option<(PathBuf, String)> {
        let of_variable = variable("AWS_CA_BUNDLE").map(|path| (path, "AWS_CA_BUNDLE".to_owned()));
        let of_profile = || {
            let path = self.profiles.get_profile(&self.profile)?.get("ca_bundle")?;
            Some((path.to_owned(), format!("ca_bundle of profile {}", self.profile)))
        };
        let (path, named_by) = of_variable.or_else(of_profile)?;
        Some((in_home(&path), named_by))
    }

    /// How long credentials may take.
    pub(super) fn patience(&self) -> Duration {
        if self.source().is_some() { PATIENCE } else { PATIENCE_FOR_NONE }
    }

    /// Whose credentials they are and where they come from: "profile default (credential_process)".
    pub(super) fn whose(&self) -> String {
        match self.source() {
            Some(CredentialSource::Variables) => "AWS_ACCESS_KEY_ID".to_owned(),
            Some(CredentialSource::WebIdentity) => "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(),
            Some(CredentialSource::Container) => "the container".to_owned(),
            Some(CredentialSource::Process) => format!("profile {} (credential_process)", self.profile),
            Some(CredentialSource::Sso) => format!("profile {} (SSO)", self.profile),
            Some(CredentialSource::Login) => format!("profile {} (aws login)", self.profile),
            Some(CredentialSource::Role) => format!("profile {} (role_arn)", self.profile),
            Some(CredentialSource::Keys) => format!("profile {}", self.profile),
            None => "this machine".to_owned(),
        }
    }

    /// Why there are no credentials, as a sentence that ends with what to do.
    pub(super) fn explain(&self, error: &CredentialsError) -> String {
        let cause = words(error);
        let said = said(error);
        let (profile, chain) = (&self.profile, self.chain());
        let has = |key: &str| chain.iter().any(|profile| profile.get(key).is_some());
        let is_refused = ["AccessDenied", "Unauthorized", "Forbidden"].iter().any(|word| said.contains(word));
        if self.source().is_some_and(|source| source.is_of_profile()) {
            if has("mfa_serial") && is_refused {
                return format!(
                    "profile {profile} needs an MFA code (mfa_serial), which explorer cannot ask for: {cause}; sign in with: eval \"$(aws \
                     configure export-credentials --profile {profile} --format env)\", and leave the profile out here"
                );
            }
            if let Some(process) = of_process(&said) {
                return format!("credential_process of profile {profile} failed{process}; run it yourself to see more");
            }
            if has("sso_session") || has("sso_start_url") {
                if let Some(reason) = of_session(profile, &said) {
                    return format!("{reason}; sign in with: {}", self.sso_login());
                }
                if is_refused {
                    return format!(
                        "profile {profile} gets no credentials through SSO: {cause}; check its sso_account_id and sso_role_name"
                    );
                }
            }
            if has("login_session") {
                return format!(
                    "the session of profile {profile} cannot be used: {cause}; sign in with: aws login{}",
                    self.option()
                );
            }
            if let Some(role) = chain.iter().find_map(|profile| profile.get("role_arn")).filter(|_| is_refused || is_expired(&said))
            {
                return format!(
                    "profile {profile} cannot assume {role}: {cause}; check the role, and the credentials it is assumed with"
                );
            }
        }
        match error {
            CredentialsError::CredentialsNotLoaded(_) if self.named_by.is_some() => {
                format!("profile {profile} has no credentials in {}", self.file_names())
            }
            CredentialsError::CredentialsNotLoaded(_) => {
                format!("no credentials were found in variables, in {} or on this machine", self.file_names())
            }
            _ => format!("the credentials of {} cannot be loaded: {cause}", self.whose()),
        }
    }

    /// Why credentials did not arrive in time.
    pub(super) fn too_late(&self) -> String {
        let seconds = self.patience().as_secs();
        match self.source() {
            Some(_) => format!("no credentials came from {} within {seconds} s", self.whose()),
            None => format!(
                "no credentials were found in variables or in {}, nor within {seconds} s on this machine",
                self.file_names()
            ),
        }
    }

    /// What AWS refused, and what to do about it.
    pub(super) fn refused(&self, words: &str) -> String {
        let remedy = match self.source() {
            Some(CredentialSource::Variables) => "set new ones, and start again".to_owned(),
            Some(CredentialSource::Sso) => format!("sign in with: {}", self.sso_login()),
            Some(CredentialSource::Login) => format!("sign in with: aws login{}", self.option()),
            Some(_) => "renew them; the next call reads them again".to_owned(),
            None => "the machine must renew them".to_owned(),
        };
        format!("AWS refuses the credentials of {}: {words}; {remedy}", self.whose())
    }

    fn sso_login(&self) -> String {
        format!("aws sso login{}", self.option())
    }

    /// The option that the AWS CLI needs.
    fn option(&self) -> String {
        if self.named_by.is_some() && self.profile != "default" { format!(" --profile {}", self.profile) } else { String::new() }
    }

    /// The profile, followed by its source profiles.
    fn chain(&self) -> Vec<&Profile> {
        let mut chain: Vec<&Profile> = Vec::new();
        let mut next = self.profiles.get_profile(&self.profile);
        while let Some(profile) =
            next.filter(|next| chain.len() < LONGEST_CHAIN && chain.iter().all(|known| known.name() != next.name()))
        {
            chain.push(profile);
            next = profile.get("source_profile").and_then(|source| self.profiles.get_profile(source));
        }
        chain
    }

    fn source(&self) -> Option<CredentialSource> {
        if self.variables.keys && self.only_profile().is_none() {
            return Some(CredentialSource::Variables);
        }
        let chain = self.chain();
        let has = |key: &str| chain.iter().any(|profile| profile.get(key).is_some());
        let of_profile = [
            ("credential_process", CredentialSource::Process),
            ("sso_session", CredentialSource::Sso),
            ("sso_start_url", CredentialSource::Sso),
            ("login_session", CredentialSource::Login),
            ("role_arn", CredentialSource::Role),
            ("aws_access_key_id", CredentialSource::Keys),
        ];
        match of_profile.into_iter().find(|(key, _)| has(key)) {
            Some((_, source)) => Some(source),
            None if self.only_profile().is_some() => None,
            None if self.variables.web_identity => Some(CredentialSource::WebIdentity),
            None if self.variables.container => Some(CredentialSource::Container),
            None => None,
        }
    }

    fn file_names(&self) -> String {
        let name = |file: &File| match file.variable {
            Some(variable) if file.text.is_none() => format!("{} ({variable}, which does not exist)", file.path.display()),
            Some(variable) => format!("{} ({variable})", file.path.display()),
            None => file.path.display().to_string(),
        };
        format!("{} or {}", name(&self.config), name(&self.credentials))
    }

    fn no_such_profile(&self, name: &str) -> String {
        let missing = format!("there is no profile {name} in {}", self.file_names());
        let unprefixed = format!("[{name}]");
        if self.config.text.iter().flat_map(|text| text.lines()).any(|line| line.trim() == unprefixed) {
            return format!("{missing}; in {} it must be [profile {name}]", self.config.path.display());
        }
        let mut names: Vec<&str> = self.profiles.profiles().collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => format!("{missing}; they have no profiles"),
            names if names.len() <= PROFILES_NAMED => format!("{missing}; there are: {}", names.join(", ")),
            names => format!("{missing}; there are {} others: aws configure list-profiles", names.len()),
        }
    }
}

impl CredentialSource {
    fn is_of_profile(self) -> bool {
        match self {
            Self::Process | Self::Sso | Self::Login | Self::Role | Self::Keys => true,
            Self::Variables | Self::WebIdentity | Self::Container => false,
        }
    }
}

impl File {
    /// The file that a variable names, or the one in `~/.aws`; and what is wrong with it. A missing file counts as empty.
    fn read(variable_name: &'static str, name: &str) -> (Self, Option<String>) {
        let named = variable(variable_name);
        let path = in_home(named.as_deref().unwrap_or(&format!("~/.aws/{name}")));
        let variable = named.map(|_| variable_name);
        match fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => (Self { path, variable, text: Some(text) }, None),
            Ok(Err(_)) => {
                let problem = format!("{} is not UTF-8 text", path.display());
                (Self { path, variable, text: None }, Some(problem))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Self { path, variable, text: None }, None),
            Err(error) => {
                let problem = format!("{} cannot be read: {error}", path.display());
                (Self { path, variable, text: None }, Some(problem))
            }
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn variable_is_set(name: &str) -> bool {
    variable(name).is_some()
}

fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// An error and all its causes, as text.
fn said(error: &CredentialsError) -> String {
    causes(error).map(words_of).collect::<Vec<_>>().join("\n")
}

/// The root cause of an error, in one line.
fn words(error: &CredentialsError) -> String {
    one_line(&words_of(innermost(error)))
}

fn words_of(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<ErrorMetadata>() {
        Some(meta) => [meta.code(), meta.message()].into_iter().flatten().collect::<Vec<_>>().join(": "),
        None => error.to_string(),
    }
}

fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect();
    match lines.as_slice() {
        // Such as "error parsing FILE on line 3:".
        [first, second] if first.ends_with(':') => format!("{first} {second}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// How a process failed: its exit status, and the first line of its output.
fn of_process(said: &str) -> Option<String> {
    const BEGINNING: &str = "external process";
    let rest = said.split(BEGINNING).nth(1)?;
    let Some((status, said)) = rest.split_once(" exited with code ").and_then(|(_, rest)| rest.split_once(". Stderr:")) else {
        return Some(format!(": {}", one_line(rest.trim_start_matches([',', ':', ' ']))));
    };
    match one_line(said) {
        nothing if nothing.is_empty() => Some(format!(" ({status})")),
        line => Some(format!(" ({status}): {line}")),
    }
}

/// What is wrong with an SSO session, if that is the reason.
fn of_session(profile: &str, said: &str) -> Option<String> {
    if is_expired(said) || said.contains("UnauthorizedException") {
        return Some(format!("the SSO session of profile {profile} has expired"));
    }
    let is_missing = ["failed to read", "No such file", "cached SSO token"].iter().any(|words| said.contains(words));
    is_missing.then(|| format!("profile {profile} is not signed in to its SSO session"))
}

fn is_expired(said: &str) -> bool {
    said.contains("expired") || said.contains("ExpiredToken")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn files(config: &str, profile: Option<&str>) -> CliFiles {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, config).unwrap();
        let env = Env::from_slice(&[("AWS_CONFIG_FILE", path.to_str().unwrap()), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")]);
        let parsed = aws_config::profile::load(&Fs::real(), &env, &Default::default(), None).await;
        CliFiles {
            config: File { path: "/home/me/.aws/config".into(), variable: None, text: Some(config.to_owned()) },
            credentials: File { path: "/home/me/.aws/credentials".into(), variable: None, text: None },
            profiles: parsed.unwrap(),
            profile: profile.unwrap_or("default").to_owned(),
            named_by: profile.map(|_| NamedBy::Option),
            variables: Variables::default(),
            problem: None,
        }
    }

    fn failed(words: &'static str) -> CredentialsError {
        CredentialsError::provider_error(words)
    }

    #[tokio::test]
    async fn the_default_profile_has_as_much_patience_as_a_named_one() {
        for (config, whose) in [
            ("credential_process = sh -c date", "profile default (credential_process)"),
            ("sso_session = corp\n[sso-session corp]\nsso_region = eu-west-1", "profile default (SSO)"),
            ("sso_start_url = https://example.com", "profile default (SSO)"),
            (
                "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n[profile base]\naws_access_key_id = a",
                "profile default (role_arn)",
            ),
            (
                "role_arn = arn\nsource_profile = base\n[profile base]\ncredential_process = date",
                "profile default (credential_process)",
            ),
            ("role_arn = arn\nweb_identity_token_file = token", "profile default (role_arn)"),
            ("aws_access_key_id = a\naws_secret_access_key = b", "profile default"),
        ] {
            let files = files(&format!("[default]\n{config}\n"), None).await;
            assert_eq!((files.patience(), files.whose().as_str()), (PATIENCE, whose), "{config}");
        }
        for config in ["", "[default]\nregion = eu-west-1\n", "[profile other]\ncredential_process = date\n"] {
            assert_eq!(files(config, None).await.patience(), PATIENCE_FOR_NONE, "{config}");
        }
        let mut variables = files("", None).await;
        variables.variables.web_identity = true;
        assert_eq!(variables.patience(), PATIENCE);
    }

    #[tokio::test]
    async fn why_there_are_no_credentials_is_said_with_what_to_do() {
        let sso = "[default]\nsso_session = corp\n[profile dev]\nsso_start_url = x\n";
        let role = "[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\n";
        let mfa = format!("{role}mfa_serial = arn:aws:iam::123456789012:mfa/someone\n");
        let process = "[default]\ncredential_process = helper\n";
        for (config, profile, error, sentence) in [
            (
                sso,
                None,
                "the SSO token has expired and cannot be refreshed",
                "the SSO session of profile default has expired; sign in with: aws sso login",
            ),
            (
                sso,
                Some("dev"),
                "UnauthorizedException: Session token not found or invalid",
                "the SSO session of profile dev has expired; sign in with: aws sso login --profile dev",
            ),
            (
                sso,
                Some("dev"),
                "failed to read `/home/me/.aws/sso/cache/1.json`",
                "profile dev is not signed in to its SSO session; sign in with: aws sso login --profile dev",
            ),
            (
                sso,
                Some("dev"),
                "ForbiddenException: No access",
                "profile dev gets no credentials through SSO: ForbiddenException: No access; check its sso_account_id and sso_role_name",
            ),
            (
                role,
                Some("admin"),
                "AccessDenied: User is not authorized",
                "profile admin cannot assume arn:aws:iam::123456789012:role/admin: AccessDenied: User is not authorized; check the role, and the credentials it is assumed with",
            ),
            (
                process,
                None,
                "Error retrieving credentials: external process exited with code exit status: 3. Stderr: \nlogin needed\nTraceback",
                "credential_process of profile default failed (exit status: 3): login needed; run it yourself to see more",
            ),
            (
                process,
                None,
                "Error retrieving credentials: external process exited with code exit status: 1. Stderr: ",
                "credential_process of profile default failed (exit status: 1); run it yourself to see more",
            ),
            (
                process,
                None,
                "Error retrieving credentials from external process, could not parse response: no Version",
                "credential_process of profile default failed: could not parse response: no Version; run it yourself to see more",
            ),
        ] {
            assert_eq!(files(config, profile).await.explain(&failed(error)), sentence);
        }
        let denied = files(&mfa, Some("admin")).await.explain(&failed("AccessDenied: no"));
        assert!(
            denied.starts_with("profile admin needs an MFA code (mfa_serial), which explorer cannot ask for: AccessDenied: no; "),
            "{denied}"
        );
        assert!(denied.contains("aws configure export-credentials --profile admin"), "{denied}");
        let none = CredentialsError::not_loaded("no providers in chain provided credentials");
        let nowhere = files("", None).await.explain(&none);
        assert!(nowhere.starts_with("no credentials were found in variables, in /home/me/.aws/config or "), "{nowhere}");
    }

    #[tokio::test]
    async fn a_profile_that_is_not_there_is_told_with_those_that_are() {
        let config = "[default]\nregion = x\n[profile prod]\nregion = x\n[bare]\nregion = x\n";
        let files_or = "/home/me/.aws/config or /home/me/.aws/credentials";
        for (config, profile, sentence) in [
            (config, "nobody", format!("there is no profile nobody in {files_or}; there are: default, prod")),
            (config, "bare", format!("there is no profile bare in {files_or}; in /home/me/.aws/config it must be [profile bare]")),
            ("", "nobody", format!("there is no profile nobody in {files_or}; they have no profiles")),
        ] {
            assert_eq!(files(config, Some(profile)).await.check(), Err(sentence));
        }
        assert_eq!(files(config, Some("prod")).await.check(), Ok(()));
        assert_eq!(files("", None).await.check(), Ok(()), "nobody has named one");
    }

    #[tokio::test]
    async fn profiles_that_borrow_from_each_other_in_a_ring_are_followed_once() {
        let ring = "[default]\nrole_arn = a\nsource_profile = b\n[profile b]\nrole_arn = b\nsource_profile = default\n";
        assert_eq!(files(ring, None).await.chain().len(), 2);
    }

    proptest! {
        #[test]
        fn a_cause_is_one_line(text in "(.|\n)*") {
            prop_assert!(one_line(&text).lines().count() <= 1);
        }
    }
}
