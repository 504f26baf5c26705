//! The worker that keeps the read model `loan_board`.

use std::process::ExitCode;

use loans::board::LoanBoard;

#[tokio::main]
async fn main() -> ExitCode {
    factum::projector(LoanBoard)
        .table(LoanBoard::TABLE_SQL)
        .main()
        .await
}
