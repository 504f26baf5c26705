//! One Kafka node (KRaft, broker and controller in one) from a directory of jars.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::way::{Way, on_path};
use super::{Say, maven, port};

/// What a client connects to.
pub(crate) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The jars of a Kafka release on this machine; if there is none, where it was looked for.
pub(crate) fn local_jars() -> Result<PathBuf, String> {
    let script = ["kafka-server-start.sh", "kafka-server-start"]
        .into_iter()
        .find_map(on_path);
    let script = script.and_then(|script| script.canonicalize().ok());
    let from_script = script.and_then(|script| Some(script.parent()?.parent()?.to_owned()));
    let home = std::env::var_os("KAFKA_HOME")
        .map(PathBuf::from)
        .or(from_script);
    let home = home.ok_or("no KAFKA_HOME, and no kafka-server-start.sh on PATH")?;
    let libs = ["libs", "libexec/libs"].map(|libs| home.join(libs));
    let libs = libs.into_iter().find(|libs| libs.is_dir());
    libs.ok_or_else(|| format!("{} holds no libs directory", home.display()))
}

/// Makes `home` ready for a node on `port`; the command then starts it.
pub(crate) fn prepare(way: Way, home: &Path, port: u16, say: Say<'_>) -> Result<Command> {
    let java = maven::java().map_err(anyhow::Error::msg)?;
    let jars = match way {
        Way::Local => local_jars().map_err(anyhow::Error::msg)?,
        _ => maven::kafka_jars(say)?,
    };
    let controller = port::free(None)?;
    fs::write(
        home.join("server.properties"),
        settings(home, port, controller),
    )?;
    fs::write(home.join("log4j2.properties"), LOGGING)?;
    if !home.join("data/meta.properties").exists() {
        format_storage(&java, &jars, home)?;
    }
    let mut command = kafka_command(&java, &jars, home);
    command.args([
        "-Xms256m",
        "-Xmx1g",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
    ]);
    command.args([
        "-XX:+ExplicitGCInvokesConcurrent",
        "kafka.Kafka",
        "server.properties",
    ]);
    Ok(command)
}

fn kafka_command(java: &Path, jars: &Path, home: &Path) -> Command {
    let mut command = Command::new(java);
    command
        .arg("-cp")
        .arg(jars.join("*"))
        .args([
            "-Djava.awt.headless=true",
            "-Dlog4j2.configurationFile=file:log4j2.properties",
        ])
        .current_dir(home);
    command
}

fn format_storage(java: &Path, jars: &Path, home: &Path) -> Result<()> {
    let output = kafka_command(java, jars, home)
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--config",
            "server.properties",
        ])
        .args(["--ignore-formatted", "--cluster-id", &new_cluster_id()])
        .stdin(Stdio::null())
        .output()
        .context("cannot run java")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cannot format {}:\n{said}",
        home.join("data").display()
    );
    Ok(())
}

/// Kafka wants 16 bytes in 22 letters of base64: hexadecimal ones will do, and the last must be A.
fn new_cluster_id() -> String {
    let hex = uuid::Uuid::new_v4().simple().to_string();
    format!("{}A", &hex[..21])
}

/// The node's settings. docker-compose.yml has the same: change both.
fn settings(home: &Path, port: u16, controller: u16) -> String {
    let data = home.join("data");
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# A killed node comes back only after its old session: short, so that tests need not wait.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.retention.ms=-1
log.retention.bytes=-1
",
        data = data.display()
    )
}

const LOGGING: &str = "status=error
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_has_the_form_that_kafka_accepts() {
        let id = new_cluster_id();
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
