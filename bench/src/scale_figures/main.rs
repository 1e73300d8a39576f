//! How sessions scale with their number, and what one takes: the part `scale` of `cargo xtask bench`.

mod filling;
mod memory;
mod mongodb;
mod store;

use anyhow::Result;
use cloakroom_bench::figures::{Arguments, Made, Part, Section};
use cloakroom_bench::measure::Plan;
use cloakroom_bench::servers::{Cpus, allow_many_files};

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let made = Made::now(arguments.quick);
    let plan = Plan::new(arguments.quick);
    allow_many_files()?;
    let cpus = Cpus::choose()?;
    // The first one first, while this process has used no memory that could be used again.
    let all: [&dyn Fn() -> Result<Section>; 4] = [
        &|| store::alone(arguments.quick),
        &|| memory::bytes(arguments.quick, &cpus),
        &|| memory::live(arguments.quick, &plan, &cpus),
        &|| mongodb::live(arguments.quick, &plan, &cpus),
    ];
    let mut part = Part { made: made.clone(), sections: Vec::new() };
    for section in all {
        part.sections.push(section()?);
        part.made = made.clone().ended();
        // Each time, so that what took long is there though the next one fails.
        part.write(&arguments.out)?;
    }
    Ok(())
}
