//! Members, their edges, and what the edges came from. Written only under live lineages; read only through them.

use super::{StoreError, Tx, on, sql};
use crate::domain::{Assurance, Edge, Elsewhere, Micros, ResponseKind, Responses, Seq, Source, Topic, Week};
use crate::ids::Subject;
use crate::mutant;

/// What tells one edge row from another, and the lineages it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeKey {
    /// Who responded, under which grant.
    pub actor: (Subject, Seq),
    /// To whom, under which grant.
    pub target: (Subject, Seq),
    /// From where.
    pub source: String,
    /// About what.
    pub topic: Topic,
    /// When.
    pub week: Week,
    /// How.
    pub kind: ResponseKind,
}

/// One activity that gave an edge, in digests that only its two owners link.
#[derive(Debug, Clone)]
pub struct ActivityRow {
    /// What it gave.
    pub edge: EdgeKey,
    /// Of its id, under the actor's key.
    pub activity: [u8; 32],
    /// Of the note it made, under the actor's key.
    pub made: Option<[u8; 32]>,
    /// Of what it responded to, under the actor's key.
    pub object: Option<[u8; 32]>,
    /// Of what it responded to, under the target's key.
    pub about: Option<[u8; 32]>,
}

/// A member's own post.
#[derive(Debug, Clone)]
pub struct ObjectRow {
    /// Whose, under which grant.
    pub owner: (Subject, Seq),
    /// Keyed digest of its id.
    pub digest: [u8; 32],
    /// From where.
    pub source: String,
    /// About what.
    pub topic: Topic,
    /// When.
    pub week: Week,
    /// Whether responses to it count.
    pub is_public: bool,
}

/// Which edges somebody may see in a score.
#[derive(Debug, Clone)]
pub struct VisibleQuery {
    /// Whose score.
    pub target: Subject,
    /// The newest week.
    pub until: Week,
    /// The oldest week.
    pub from: Week,
    /// Grants that end before this no longer count.
    pub valid_after: Micros,
    /// Grants on an older notice no longer count.
    pub oldest_notice: i64,
    /// Only activity from here; from anywhere when nothing is said.
    pub source: Option<Source>,
    /// Activity from here counts where this is how either of the two is known to be an adult; nothing else does.
    pub allowed: Vec<(Source, Assurance)>,
}

/// Both ends allow it now: as a join, and with what must hold of what was joined.
macro_rules! both_ends {
    (join) => {
        "FROM edge e JOIN live_grant ga ON ga.subject = e.actor AND ga.lineage = e.actor_lineage \
        JOIN standing sa ON sa.subject = e.actor \
        JOIN live_grant gt ON gt.subject = e.target AND gt.lineage = e.target_lineage \
        JOIN standing st ON st.subject = e.target "
    };
    (hold) => {
        "AND sa.erased + sa.held + sa.suppressed + sa.latched = 0 AND sa.adult = 'yes' \
        AND st.erased + st.held + st.suppressed + st.latched = 0 AND st.adult = 'yes' \
        AND ga.valid_until_us > $4 AND ga.notice_version >= $5 AND gt.valid_until_us > $4 AND gt.notice_version >= $5 \
        AND ($6 = '' OR e.source = $6) \
        AND replace($7, ' ' || e.source || '/' || sa.assurance || ' ', '') <> $7 \
        AND replace($7, ' ' || e.source || '/' || st.assurance || ' ', '') <> $7"
    };
    // What a forgotten check would read. Only a test can reach it.
    (forgotten) => {
        "AND $4 > 0 AND $5 > 0 AND ($6 = '' OR e.source = $6) AND ($7 = '' OR $7 <> '')"
    };
}

macro_rules! received {
    ($from:expr, $hold:expr) => {
        concat!(
            "SELECT e.actor, e.week, e.topic, e.kind, e.times ",
            $from,
            "WHERE e.target = $1 AND e.week >= $2 AND e.week <= $3 ",
            $hold
        )
    };
}

/// In the weeks in which somebody responded to the person, and added up: whoever responds to a thousand others is a row, not a thousand.
macro_rules! elsewhere {
    ($from:expr, $hold:expr) => {
        concat!(
            "SELECT e.actor, e.week, e.kind, CAST(sum(e.times) AS BIGINT) ",
            $from,
            "WHERE e.week >= $2 AND e.week <= $3 AND e.target <> $1 AND e.target <> e.actor AND (e.actor, e.week) IN \
            (SELECT r.actor, r.week FROM edge r WHERE r.target = $1 AND r.actor <> $1 AND r.week >= $2 AND r.week <= $3) ",
            $hold,
            " GROUP BY e.actor, e.week, e.kind"
        )
    };
}

sql! {
    RECEIVED(7) = received!(both_ends!(join), both_ends!(hold));
    ELSEWHERE(7) = elsewhere!(both_ends!(join), both_ends!(hold));
    RECEIVED_UNFENCED(7) = received!("FROM edge e ", both_ends!(forgotten));
    ELSEWHERE_UNFENCED(7) = elsewhere!("FROM edge e ", both_ends!(forgotten));
    HAS_MADE(2) = "SELECT count(*) FROM edge_activity WHERE actor = $1 AND made = $2";
    INSERT_ACTIVITY(12) = "INSERT INTO edge_activity (actor, activity, made, object, target, about, source, topic, week, kind, actor_lineage, target_lineage) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (actor, activity) DO NOTHING";
    ADD_EDGE(8) = "INSERT INTO edge (actor, target, source, topic, week, kind, times, actor_lineage, target_lineage) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) ON CONFLICT (actor, target, source, topic, week, kind) DO UPDATE SET times = edge.times + 1";
    DROP_LAST_EDGE(6) = "DELETE FROM edge WHERE actor = $1 AND target = $2 AND source = $3 AND topic = $4 AND week = $5 AND kind = $6 AND times = 1";
    LESSEN_EDGE(6) = "UPDATE edge SET times = times - 1 WHERE actor = $1 AND target = $2 AND source = $3 AND topic = $4 AND week = $5 AND kind = $6 AND times > 1";
    GIVEN_BY_ACTIVITY(2) = "SELECT activity, target, topic, week, kind, source, actor FROM edge_activity WHERE actor = $1 AND activity = $2";
    GIVEN_BY_OBJECT(3) = "SELECT activity, target, topic, week, kind, source, actor FROM edge_activity WHERE actor = $1 AND object = $2 AND kind = $3";
    GIVEN_BY_MADE(2) = "SELECT activity, target, topic, week, kind, source, actor FROM edge_activity WHERE actor = $1 AND made = $2";
    GIVEN_ABOUT(2) = "SELECT activity, target, topic, week, kind, source, actor FROM edge_activity WHERE target = $1 AND about = $2";
    UNFILED(3) = "SELECT actor, activity, made, object, target, about, source, week, kind, actor_lineage, target_lineage FROM edge_activity WHERE target = $1 AND about = $2 AND topic = $3";
    DELETE_ACTIVITY(2) = "DELETE FROM edge_activity WHERE actor = $1 AND activity = $2";
    UPSERT_OBJECT(8) = "INSERT INTO object (owner, digest, source, topic, week, is_public, lineage, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (owner, digest) DO NOTHING";
    READ_OBJECT(2) = "SELECT o.owner, o.digest, o.source, o.topic, o.week, o.is_public, o.lineage FROM object o JOIN live_grant g ON g.subject = o.owner AND g.lineage = o.lineage WHERE o.digest IN ($1, $2)";
    NARROW_OBJECT(3) = "UPDATE object SET is_public = 0 WHERE owner = $1 AND digest IN ($2, $3)";
    DELETE_OBJECT(3) = "DELETE FROM object WHERE owner = $1 AND digest IN ($2, $3)";
    COUNT_EDGES(0) = "SELECT count(*) FROM edge";
    STRAY_EDGES(0) = "SELECT count(*) FROM edge e WHERE NOT EXISTS (SELECT 1 FROM live_grant g WHERE g.subject = e.actor AND g.lineage = e.actor_lineage) OR NOT EXISTS (SELECT 1 FROM live_grant g WHERE g.subject = e.target AND g.lineage = e.target_lineage)";
}

type ReceivedColumns = (Vec<u8>, i64, String, String, i64);
type ElsewhereColumns = (Vec<u8>, i64, String, i64);
type GivenColumns = (Vec<u8>, Vec<u8>, String, i64, String, String, Vec<u8>);
type UnfiledColumns =
    (Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>, String, i64, String, i64, i64);
type ObjectColumns = (Vec<u8>, Vec<u8>, String, String, i64, i64, i64);

fn bad<E>(_: E) -> StoreError {
    StoreError::Corrupt("edge")
}

fn edge(target: Subject, (actor, week, topic, kind, count): ReceivedColumns) -> Result<Edge, StoreError> {
    let (actor, topic, kind) = (actor.try_into().map_err(bad)?, topic.try_into().map_err(bad)?, kind_of(&kind)?);
    Ok(Edge { actor, target, week: Week(week), topic, kind, count })
}

fn to_others((actor, week, kind, count): ElsewhereColumns) -> Result<Elsewhere, StoreError> {
    Ok(Elsewhere { actor: actor.try_into().map_err(bad)?, week: Week(week), kind: kind_of(&kind)?, count })
}

fn kind_of(name: &str) -> Result<ResponseKind, StoreError> {
    ResponseKind::from_name(name).ok_or(StoreError::Corrupt("edge"))
}

fn unfiled(row: UnfiledColumns, topic: &Topic) -> Result<ActivityRow, StoreError> {
    let (actor, activity, made, object, target, about, source, week, kind, actor_lineage, target_lineage) = row;
    let digest = |bytes: Option<Vec<u8>>| bytes.map(|bytes| bytes.try_into().map_err(bad)).transpose();
    let edge = EdgeKey {
        actor: (actor.try_into().map_err(bad)?, Seq(actor_lineage)),
        target: (target.try_into().map_err(bad)?, Seq(target_lineage)),
        source,
        topic: topic.clone(),
        week: Week(week),
        kind: kind_of(&kind)?,
    };
    let activity = activity.try_into().map_err(bad)?;
    Ok(ActivityRow { edge, activity, made: digest(made)?, object: digest(object)?, about: digest(about)? })
}

fn object(row: ObjectColumns) -> Result<ObjectRow, StoreError> {
    let (owner, digest, source, topic, week, is_public, lineage) = row;
    Ok(ObjectRow {
        owner: (owner.try_into().map_err(bad)?, Seq(lineage)),
        digest: digest.try_into().map_err(bad)?,
        source,
        topic: topic.try_into().map_err(bad)?,
        week: Week(week),
        is_public: is_public != 0,
    })
}

impl Tx {
    /// Whether a reply with this note was taken before, under whatever activity.
    pub async fn has_made(&mut self, actor: &Subject, made: &[u8; 32]) -> Result<bool, StoreError> {
        let count: i64 = on!(self, c => sqlx::query_scalar(HAS_MADE).bind(actor.as_bytes().as_slice())
            .bind(made.as_slice()).fetch_one(c).await)?;
        Ok(count > 0)
    }

    /// Stores an activity and adds what it gives; false when it was taken before.
    pub async fn add_activity(&mut self, row: &ActivityRow) -> Result<bool, StoreError> {
        let e = &row.edge;
        let new = on!(self, c => sqlx::query(INSERT_ACTIVITY).bind(e.actor.0.as_bytes().as_slice())
            .bind(row.activity.as_slice()).bind(row.made.as_ref().map(<[u8; 32]>::as_slice))
            .bind(row.object.as_ref().map(<[u8; 32]>::as_slice)).bind(e.target.0.as_bytes().as_slice())
            .bind(row.about.as_ref().map(<[u8; 32]>::as_slice)).bind(e.source.as_str()).bind(e.topic.as_str())
            .bind(e.week.0).bind(e.kind.as_str()).bind(e.actor.1.0).bind(e.target.1.0)
            .execute(c).await.map(|done| done.rows_affected()))?;
        if new == 1 {
            on!(self, c => sqlx::query(ADD_EDGE).bind(e.actor.0.as_bytes().as_slice())
                .bind(e.target.0.as_bytes().as_slice()).bind(e.source.as_str()).bind(e.topic.as_str()).bind(e.week.0)
                .bind(e.kind.as_str()).bind(e.actor.1.0).bind(e.target.1.0).execute(c).await.map(drop))?;
        }
        Ok(new == 1)
    }

    /// Takes back what one activity of an actor gave. Returns how many.
    pub async fn take_back_activity(&mut self, actor: &Subject, activity: &[u8; 32]) -> Result<u64, StoreError> {
        let rows = on!(self, c => sqlx::query_as(GIVEN_BY_ACTIVITY).bind(actor.as_bytes().as_slice())
            .bind(activity.as_slice()).fetch_all(c).await)?;
        self.take_back(rows).await
    }

    /// Takes back what an actor's response of one kind to one object gave.
    pub async fn take_back_response(
        &mut self,
        actor: &Subject,
        object: &[u8; 32],
        kind: ResponseKind,
    ) -> Result<u64, StoreError> {
        let rows = on!(self, c => sqlx::query_as(GIVEN_BY_OBJECT).bind(actor.as_bytes().as_slice())
            .bind(object.as_slice()).bind(kind.as_str()).fetch_all(c).await)?;
        self.take_back(rows).await
    }

    /// Takes back what an actor's own note gave, when it was a reply.
    pub async fn take_back_made(&mut self, actor: &Subject, made: &[u8; 32]) -> Result<u64, StoreError> {
        let rows = on!(self, c => sqlx::query_as(GIVEN_BY_MADE).bind(actor.as_bytes().as_slice())
            .bind(made.as_slice()).fetch_all(c).await)?;
        self.take_back(rows).await
    }

    /// Takes back what everybody's responses to an owner's post gave.
    pub async fn take_back_about(&mut self, target: &Subject, about: &[u8; 32]) -> Result<u64, StoreError> {
        let rows = on!(self, c => sqlx::query_as(GIVEN_ABOUT).bind(target.as_bytes().as_slice())
            .bind(about.as_slice()).fetch_all(c).await)?;
        self.take_back(rows).await
    }

    /// The activity goes first: of two that take back the same one at once, one alone lessens the edge.
    async fn take_back(&mut self, rows: Vec<GivenColumns>) -> Result<u64, StoreError> {
        let mut taken = 0;
        for (activity, target, topic, week, kind, source, actor) in rows {
            let mine = on!(self, c => sqlx::query(DELETE_ACTIVITY).bind(actor.as_slice()).bind(activity.as_slice())
                .execute(c).await.map(|done| done.rows_affected()))?;
            if mine == 0 {
                continue;
            }
            // Again at the end: somebody else may have made it the last one while the second statement waited for them.
            for statement in [DROP_LAST_EDGE, LESSEN_EDGE, DROP_LAST_EDGE] {
                let touched = on!(self, c => sqlx::query(statement).bind(actor.as_slice()).bind(target.as_slice())
                    .bind(source.as_str()).bind(topic.as_str()).bind(week).bind(kind.as_str())
                    .execute(c).await.map(|done| done.rows_affected()))?;
                if touched == 1 {
                    break;
                }
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Files responses that came before their post, and said no topic themselves, under the topic of the post: where a response
    /// counts does not depend on which of the two was told first. A response and its post that two collectors tell at the same moment may
    /// miss each other; told again, the post finds it. Returns how many.
    pub async fn file_responses(
        &mut self,
        target: &Subject,
        about: &[u8; 32],
        [from, to]: [&Topic; 2],
    ) -> Result<u64, StoreError> {
        let rows: Vec<UnfiledColumns> = on!(self, c => sqlx::query_as(UNFILED).bind(target.as_bytes().as_slice())
            .bind(about.as_slice()).bind(from.as_str()).fetch_all(c).await)?;
        let mut filed = 0;
        for row in rows {
            let row = unfiled(row, to)?;
            if self.take_back_activity(&row.edge.actor.0, &row.activity).await? == 1 {
                self.add_activity(&row).await?;
                filed += 1;
            }
        }
        Ok(filed)
    }

    /// Stores a member's own post, with its id sealed; one that is known stays as it is.
    pub async fn insert_object(&mut self, row: &ObjectRow, sealed: &[u8]) -> Result<bool, StoreError> {
        let new = on!(self, c => sqlx::query(UPSERT_OBJECT).bind(row.owner.0.as_bytes().as_slice())
            .bind(row.digest.as_slice()).bind(row.source.as_str()).bind(row.topic.as_str()).bind(row.week.0)
            .bind(i64::from(row.is_public)).bind(row.owner.1.0).bind(sealed).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(new == 1)
    }

    /// A member's post, under its digest or its earlier one.
    pub async fn object(&mut self, [digest, earlier]: &[[u8; 32]; 2]) -> Result<Option<ObjectRow>, StoreError> {
        let row: Option<ObjectColumns> = on!(self, c => sqlx::query_as(READ_OBJECT).bind(digest.as_slice())
            .bind(earlier.as_slice()).fetch_optional(c).await)?;
        row.map(object).transpose()
    }

    /// From now on responses to this post do not count.
    pub async fn narrow_object(
        &mut self,
        owner: &Subject,
        [digest, earlier]: &[[u8; 32]; 2],
    ) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(NARROW_OBJECT).bind(owner.as_bytes().as_slice())
            .bind(digest.as_slice()).bind(earlier.as_slice()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows > 0)
    }

    /// Removes a post.
    pub async fn delete_object(
        &mut self,
        owner: &Subject,
        [digest, earlier]: &[[u8; 32]; 2],
    ) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(DELETE_OBJECT).bind(owner.as_bytes().as_slice())
            .bind(digest.as_slice()).bind(earlier.as_slice()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows > 0)
    }

    /// What a person received in a window, and what those who gave it gave others in the same weeks, as long as both ends allow it now.
    pub async fn visible_responses(&mut self, q: &VisibleQuery) -> Result<Responses, StoreError> {
        let received = if mutant::on("edges_read_without_lineage") { RECEIVED_UNFENCED } else { RECEIVED };
        let elsewhere = if mutant::on("others_read_without_lineage") { ELSEWHERE_UNFENCED } else { ELSEWHERE };
        // Names hold neither spaces nor slashes.
        let pair = |(source, assurance): &(Source, Assurance)| format!(" {source}/{} ", assurance.as_str());
        let allowed: String = q.allowed.iter().map(pair).collect();
        let source = q.source.as_ref().map_or("", Source::as_str);
        let received: Vec<ReceivedColumns> = on!(self, c => sqlx::query_as(received).bind(q.target.as_bytes().as_slice())
            .bind(q.from.0).bind(q.until.0).bind(q.valid_after.0).bind(q.oldest_notice).bind(source)
            .bind(allowed.as_str()).fetch_all(c).await)?;
        let elsewhere: Vec<ElsewhereColumns> = on!(self, c => sqlx::query_as(elsewhere)
            .bind(q.target.as_bytes().as_slice()).bind(q.from.0).bind(q.until.0).bind(q.valid_after.0)
            .bind(q.oldest_notice).bind(source).bind(allowed.as_str()).fetch_all(c).await)?;
        Ok(Responses {
            received: received.into_iter().map(|row| edge(q.target, row)).collect::<Result<_, _>>()?,
            elsewhere: elsewhere.into_iter().map(to_others).collect::<Result<_, _>>()?,
        })
    }

    /// How many edges there are, and how many of them hang on no live lineage (there must be none).
    pub async fn count_edges(&mut self) -> Result<(i64, i64), StoreError> {
        let all = on!(self, c => sqlx::query_scalar(COUNT_EDGES).fetch_one(c).await)?;
        let stray = on!(self, c => sqlx::query_scalar(STRAY_EDGES).fetch_one(c).await)?;
        Ok((all, stray))
    }
}
