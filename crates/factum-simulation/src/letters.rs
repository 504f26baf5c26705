//! The simulated store keeps no dead letters: its workers stop at an event that fails.

use async_trait::async_trait;
use factum_projector::ProjectorError;
use factum_projector::simulation::{Ask, DeadLetters, Head, Letter, Parked};

use crate::session::Session;

#[async_trait]
impl DeadLetters for Session {
    async fn parked(&self, _: &[u32]) -> Result<Parked, ProjectorError> {
        Ok(Parked::default())
    }

    async fn asked(&self) {
        std::future::pending().await
    }

    async fn count(&self, _: &[u32]) -> Result<u64, ProjectorError> {
        Ok(0)
    }

    async fn park(&self, _: &[Letter]) -> Result<(), ProjectorError> {
        unreachable!("the workers stop at an event that fails")
    }

    async fn asks(&self, _: u32) -> Result<Vec<Ask>, ProjectorError> {
        Ok(Vec::new())
    }

    async fn heads(&self, _: (u32, &[Ask]), _: u64, _: usize) -> Result<Vec<Head>, ProjectorError> {
        Ok(Vec::new())
    }

    async fn read(&self, _: u32, _: &[u64]) -> Result<Vec<Letter>, ProjectorError> {
        Ok(Vec::new())
    }

    async fn remove(&self, _: u32, _: &[u64]) -> Result<(), ProjectorError> {
        Ok(())
    }

    async fn keep(
        &self,
        _: (u32, &[Ask]),
        _: &[(u64, Option<String>)],
    ) -> Result<(), ProjectorError> {
        Ok(())
    }

    async fn begin_part(&self) -> Result<(), ProjectorError> {
        Ok(())
    }

    async fn end_part(&self) -> Result<(), ProjectorError> {
        Ok(())
    }

    async fn undo_part(&self) -> Result<(), ProjectorError> {
        Ok(())
    }
}
