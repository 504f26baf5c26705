//! One Kafka node (KRaft, broker and controller in one) from a directory of jars.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::cluster::Node;
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

/// Makes `home` ready for a node on `port`, alone or in a cluster; the command then starts it.
pub(crate) fn prepare(
    way: Way,
    home: &Path,
    port: u16,
    node: Option<&Node>,
    say: Say<'_>,
) -> Result<Command> {
    let java = maven::java().map_err(anyhow::Error::msg)?;
    let jars = match way {
        Way::Local => local_jars().map_err(anyhow::Error::msg)?,
        _ => maven::kafka_jars(say)?,
    };
    let node = match node {
        Some(node) => node.clone(),
        None => Node::alone(port::free(None)?),
    };
    fs::write(home.join("server.properties"), settings(home, port, &node))?;
    fs::write(home.join("log4j2.properties"), LOGGING)?;
    if !home.join("data/meta.properties").exists() {
        format_storage(&java, &jars, home, &node.cluster)?;
    }
    let mut command = kafka_command(&java, &jars, home);
    if node.shares_machine() {
        // Several nodes start again and again: the better compiler costs as much as all of the start.
        command.args(["-Xmx512m", "-XX:TieredStopAtLevel=1"]);
    } else {
        command.arg("-Xmx1g");
    }
    command.args(["-Xms256m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
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

fn format_storage(java: &Path, jars: &Path, home: &Path, cluster: &str) -> Result<()> {
    let output = kafka_command(java, jars, home)
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--config",
            "server.properties",
        ])
        .args(["--ignore-formatted", "--cluster-id", cluster])
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

/// The node's settings. docker-compose.yml has the same for a lone one: change both.
fn settings(home: &Path, port: u16, node: &Node) -> String {
    let data = home.join("data");
    let (id, voters) = (node.id, node.voters());
    let (listeners, advertised, map) = node.listeners(port);
    let (copies, in_sync) = node.copies();
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners={listeners}
advertised.listeners={advertised}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map={map}
log.dirs={data}
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=8
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
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
