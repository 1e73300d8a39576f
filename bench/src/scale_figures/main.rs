//! How sessions scale with their number, and what one takes: the part `scale` of `cargo xtask bench`.

mod filling;
mod memory;
mod mongodb;
mod store;

use anyhow::Result;
use cloakroom_bench::figures::{Arguments, Made, Part};
use cloakroom_bench::measure::Plan;
use cloakroom_bench::servers::{Cpus, allow_many_files};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let made = Made::now(arguments.quick);
    let plan = Plan::new(arguments.quick);
    allow_many_files()?;
    let cpus = Cpus::choose()?;
    let sections = vec![
        // First, while this process has used no memory that could be used again.
        store::alone(arguments.quick)?,
        memory::bytes(arguments.quick, &cpus)?,
        memory::live(arguments.quick, &plan, &cpus)?,
        mongodb::live(arguments.quick, &plan, &cpus)?,
    ];
    Part { made: made.ended(), sections }.write(&arguments.out)
}
