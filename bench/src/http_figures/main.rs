//! What sessions cost a request over HTTP, beside other session layers: the part `http` of `cargo xtask bench`.

mod costs;
mod memory;
mod mongodb;
mod sizes;

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
    let mut sections = vec![memory::costs(&plan, &cpus)?];
    sections.push(memory::connections(&plan, &cpus)?);
    sections.push(sizes::values(&plan, &cpus)?);
    sections.push(mongodb::costs(&plan, &cpus)?);
    sections.push(mongodb::operations(&plan, &cpus)?);
    Part { made: made.ended(), sections }.write(&arguments.out)
}
