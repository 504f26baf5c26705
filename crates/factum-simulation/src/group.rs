//! A group: who is told to own what, sessions that expire, and members that hear of it late.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{Change, LogError, Membership, Release};

use crate::log::{SimLog, unreachable};
use crate::world::{LinkId, World};

/// How long nothing may be heard of a member.
pub const SESSION: Duration = Duration::from_secs(4);
/// How long a member may take to give up what it was told to.
const PATIENCE: Duration = Duration::from_secs(8);

/// A group.
pub struct Group {
    owners: Vec<Option<Owner>>,
    members: BTreeMap<u64, Told>,
    joined: u64,
    /// Grows with each forced change of who owns what.
    turn: u64,
}

struct Owner {
    member: u64,
    /// Since when it is to give up.
    leaving: Option<Duration>,
}

struct Told {
    link: LinkId,
    news: VecDeque<News>,
}

#[derive(Clone, Debug)]
enum News {
    Gained(Vec<u32>),
    Revoked(Vec<u32>),
}

impl Group {
    pub(crate) fn new(partitions: usize) -> Self {
        Self {
            owners: (0..partitions).map(|_| None).collect(),
            members: BTreeMap::new(),
            joined: 0,
            turn: 0,
        }
    }

    fn join(&mut self, link: LinkId, now: Duration) -> u64 {
        self.joined += 1;
        let news = VecDeque::new();
        self.members.insert(self.joined, Told { link, news });
        self.share(now);
        self.joined
    }

    fn leave(&mut self, member: u64, now: Duration) {
        self.members.remove(&member);
        for owner in &mut self.owners {
            owner.take_if(|owner| owner.member == member);
        }
        self.share(now);
    }

    fn given_up(&mut self, member: u64, partitions: &[u32], now: Duration) {
        for partition in partitions {
            self.owners[*partition as usize]
                .take_if(|owner| owner.member == member && owner.leaving.is_some());
        }
        self.share(now);
    }

    /// Lets partitions change hands.
    pub(crate) fn turn(&mut self, now: Duration) {
        self.turn += 1;
        self.share(now);
    }

    /// Expels members that were not heard of, or that do not give up what they are told to; which.
    pub(crate) fn expel(&mut self, now: Duration, silent: impl Fn(LinkId) -> bool) -> Vec<u64> {
        let slow = |owner: &&Owner| owner.leaving.is_some_and(|since| since + PATIENCE < now);
        let mut gone: Vec<_> = self
            .owners
            .iter()
            .flatten()
            .filter(slow)
            .map(|it| it.member)
            .collect();
        let silent = self.members.iter().filter(|(_, told)| silent(told.link));
        gone.extend(silent.map(|(member, _)| *member));
        gone.iter().for_each(|member| self.leave(*member, now));
        gone
    }

    fn share(&mut self, now: Duration) {
        let members: Vec<u64> = self.members.keys().copied().collect();
        let (mut revoked, mut gained) = (BTreeMap::new(), BTreeMap::new());
        for (partition, owner) in (0..).zip(&mut self.owners) {
            let Some(count) = std::num::NonZero::new(members.len() as u64) else {
                return;
            };
            let wanted = members[((u64::from(partition) + self.turn) % count) as usize];
            match owner {
                None => {
                    gained
                        .entry(wanted)
                        .or_insert_with(Vec::new)
                        .push(partition);
                    *owner = Some(Owner {
                        member: wanted,
                        leaving: None,
                    });
                }
                Some(owner) if owner.member != wanted && owner.leaving.is_none() => {
                    let member = owner.member;
                    revoked
                        .entry(member)
                        .or_insert_with(Vec::new)
                        .push(partition);
                    owner.leaving = Some(now);
                }
                Some(_) => {}
            }
        }
        let revoked = revoked
            .into_iter()
            .map(|(member, it)| (member, News::Revoked(it)));
        let gained = gained
            .into_iter()
            .map(|(member, it)| (member, News::Gained(it)));
        for (member, news) in revoked.chain(gained) {
            if let Some(told) = self.members.get_mut(&member) {
                told.news.push_back(news);
            }
        }
    }
}

/// Watches over the sessions of all groups, for ever.
pub(crate) async fn coordinate(world: World) {
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = world.now();
        let groups: Vec<String> = {
            let mut state = world.state();
            let away = state.away;
            for link in &mut state.links {
                let heard = link.machine.is_on() && link.cut <= now || away > now;
                link.silent = match heard {
                    true => None,
                    false => link.silent.or(Some(now)),
                };
            }
            state.groups.keys().cloned().collect()
        };
        let silent: Vec<bool> = {
            let state = world.state();
            let late = |since: Duration| since + SESSION < now;
            state
                .links
                .iter()
                .map(|link| link.silent.is_some_and(late))
                .collect()
        };
        for name in groups {
            let gone = world.regroup(&name, |group, now| group.expel(now, |link| silent[link]));
            for member in gone {
                world.note(format_args!("{name} expels member {member}"));
            }
        }
    }
}

pub(crate) struct Member {
    log: SimLog,
    group: String,
    id: u64,
    /// What it is about to hear, and when.
    news: Option<(Duration, News)>,
}

impl Member {
    pub(crate) fn join(log: SimLog, group: &str) -> Self {
        let id = log
            .world
            .regroup(group, |group, now| group.join(log.link, now));
        let link = log.link;
        log.world
            .note(format_args!("process {link} is member {id} of {group}"));
        Self {
            log,
            group: group.to_owned(),
            id,
            news: None,
        }
    }

    /// What it was not told yet; or that it is no member any more.
    fn look(&self) -> Result<Option<News>, LogError> {
        let (id, name) = (self.id, &self.group);
        let told = self.log.world.group(name, |group| {
            let told = group.members.get_mut(&id);
            told.map(|told| told.news.pop_front())
        });
        told.ok_or_else(|| unreachable("the group has expelled this member"))
    }

    fn change(&self, news: News) -> Change {
        let link = self.log.link;
        self.log
            .world
            .note(format_args!("process {link} hears {news:?}"));
        match news {
            News::Gained(partitions) => Change::Gained(partitions),
            News::Revoked(partitions) => {
                let (log, name, id) = (self.log.clone(), self.group.clone(), self.id);
                let given_up = partitions.clone();
                let release = Release::new(move || {
                    // A process that dies says nothing.
                    let alive = log.world.is_on(log.link);
                    if alive {
                        log.world
                            .regroup(&name, |group, now| group.given_up(id, &given_up, now));
                    }
                });
                Change::Revoked {
                    partitions,
                    release,
                }
            }
        }
    }
}

#[async_trait]
impl Membership for Member {
    async fn next(&mut self) -> Result<Change, LogError> {
        let world = self.log.world.clone();
        while self.news.is_none() {
            let mut regrouped = std::pin::pin!(world.regrouped());
            regrouped.as_mut().enable();
            self.log.reach(Duration::MAX / 4).await?;
            let looked = self.look();
            if looked.is_err() {
                tokio::time::sleep(world.draw(|chance| chance.delay(3000))).await;
            }
            match looked? {
                Some(news) => {
                    let late = world.draw(|chance| match chance.strikes(150) {
                        true => chance.delay(6000),
                        false => chance.delay(50),
                    });
                    self.news = Some((world.now() + late, news));
                }
                None => regrouped.await,
            }
        }
        let at = self.news.as_ref().map_or(Duration::ZERO, |it| it.0);
        tokio::time::sleep(at.saturating_sub(world.now())).await;
        self.log.reach(Duration::MAX / 4).await?;
        match self.news.take() {
            Some((_, news)) => Ok(self.change(news)),
            None => Err(unreachable("there was no news")),
        }
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        self.log.reach(Duration::from_secs(3)).await?;
        let id = self.id;
        self.log
            .world
            .regroup(&self.group, |group, now| group.leave(id, now));
        Ok(())
    }
}
