//! Analyses of paths: done at once, kept until they are deleted.

use cumulet_model::insights::{Findings, FoundReason, InsightsAnalysis, Part};
use cumulet_model::{CloudError, ErrorCode, InsightsAnalysisId};

use crate::api::insights::StartInsightsAnalysis;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

/// How many analyses there may be (Reachability Analyzer guide, "Quotas": 1,000).
const MOST_ANALYSES: usize = 1000;

impl Cloud {
    /// All analyses, oldest first.
    pub async fn insights_analyses(&self) -> Result<Vec<InsightsAnalysis>> {
        self.inner.store.insights_analyses().await.map_err(internal)
    }

    /// Analyses a path by the network as it is now.
    pub async fn start_insights_analysis(&self, request: StartInsightsAnalysis) -> Result<InsightsAnalysis> {
        let path = self.insights_path(&request.path_id).await?;
        let token = token_of("StartNetworkInsightsAnalysis", request.client_token.as_deref(), &request);
        let started = self.inner.clock.now();
        let mut findings = match self.trace(&path.ask).await {
            Ok(findings) => findings,
            // What the path named has gone since.
            Err(error) if error.code.http_status() < 500 => gone(&path.ask.source, &error),
            Err(error) => return Err(error),
        };
        hold_to(&mut findings, &request);
        let _allocation = self.inner.allocation.lock().await;
        let all = self.insights_analyses().await?;
        if let Some(made) = self.made_before(token.as_ref()).await? {
            let made = all.into_iter().find(|analysis| analysis.id.as_str() == made);
            return made.ok_or_else(|| CloudError::internal("a token names no insights analysis"));
        }
        if all.len() >= MOST_ANALYSES {
            let text = format!("There are {MOST_ANALYSES} network insights analyses already");
            return Err(CloudError::new(ErrorCode::ResourceLimitExceeded, text));
        }
        let analysis = InsightsAnalysis {
            id: InsightsAnalysisId::random(&mut rand::rng()),
            path_id: request.path_id,
            started,
            through: request.through,
            not_through: request.not_through,
            findings,
            tags: request.tags,
        };
        self.inner.store.add_insights_analysis(&analysis, token.as_ref()).await.map_err(internal)?;
        Ok(analysis)
    }

    /// Deletes an analysis.
    pub async fn delete_insights_analysis(&self, id: &InsightsAnalysisId) -> Result<()> {
        let _allocation = self.inner.allocation.lock().await;
        self.insights_analysis(id).await?;
        self.inner.store.delete_insights_analysis(id).await.map_err(internal)
    }

    /// One analysis.
    pub async fn insights_analysis(&self, id: &InsightsAnalysisId) -> Result<InsightsAnalysis> {
        let what = "network insights analysis ID";
        let missing = || CloudError::not_found(ErrorCode::InvalidInsightsAnalysisIdNotFound, what, id);
        self.insights_analyses().await?.into_iter().find(|analysis| analysis.id == *id).ok_or_else(missing)
    }
}

fn gone(source: &str, error: &CloudError) -> Findings {
    let part = Part { kind: "address".into(), id: source.to_owned() };
    let reason = reason("NO_SOURCE_OR_DESTINATION", part, error.message.clone());
    Findings { explanations: vec![reason], ..Findings::default() }
}

/// A way that was found must come through what is asked for, and not through what is not wanted.
fn hold_to(findings: &mut Findings, request: &StartInsightsAnalysis) {
    if !findings.reachable {
        return;
    }
    let is_on_it = |arn: &String| {
        let id = arn.rsplit('/').next().unwrap_or_default();
        findings.forward.iter().any(|hop| hop.part.id == id)
    };
    let missing = request.through.iter().filter(|arn| !is_on_it(arn));
    let unwanted = request.not_through.iter().filter(|arn| is_on_it(arn));
    let broken: Vec<String> = missing.chain(unwanted).cloned().collect();
    for arn in broken {
        let kind = arn.rsplit(':').next().and_then(|tail| tail.split('/').next()).unwrap_or_default();
        let id = arn.rsplit('/').next().unwrap_or_default();
        let part = Part { kind: kind.to_owned(), id: id.to_owned() };
        let text = "the shortest way does not keep to the filter on components".to_owned();
        findings.explanations.push(reason("COMPONENT_FILTER_RESTRICTION", part, text));
        findings.reachable = false;
    }
}

fn reason(code: &str, part: Part, text: String) -> FoundReason {
    FoundReason {
        code: code.to_owned(),
        part,
        answer: false,
        egress: None,
        vpc: None,
        subnet: None,
        interface: None,
        groups: vec![],
        rule: None,
        packet: None,
        text,
        remedy: "check the path's ends and filters".into(),
    }
}
