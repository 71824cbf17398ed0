//! The devices that kernels can run on, and which of them would.

use super::{Finding, Level};
use crate::engine::human;
use starling_shaders::{AdapterReport, Gpu, adapters};

pub(super) fn look() -> Vec<Finding> {
    let all = adapters();
    if all.is_empty() {
        let finding = Finding::new(
            "gpu",
            Level::Note,
            "no Vulkan adapter: environments are stepped by the processor",
        );
        return vec![finding.advise(
            "for a hardware adapter install its driver's Vulkan part; for a software one, which is right and slow: \
             apt-get install --no-install-recommends mesa-vulkan-drivers libvulkan1",
        )];
    }
    let mut findings: Vec<Finding> = all
        .iter()
        .enumerate()
        .map(|(number, report)| Finding::fine("gpu", format!("{number}: {}", told(report))))
        .collect();
    findings.push(match Gpu::open() {
        Ok(gpu) => Finding::fine("gpu", format!("`backend = \"gpu\"` would use {}", gpu.report().name)),
        Err(fault) => {
            let finding = Finding::new("gpu", Level::Note, fault.message);
            match fault.advice {
                Some(advice) => finding.advise(advice),
                None => finding,
            }
        }
    });
    findings
}

fn told(report: &AdapterReport) -> String {
    format!(
        "{report}; buffers up to {}, {} read by one kernel at most, {} of them; {} shared by a group; {}",
        human(report.max_buffer),
        human(report.max_binding),
        report.storage_buffers,
        human(u64::from(report.workgroup_memory)),
        if report.timestamps {
            "times itself"
        } else {
            "does not time itself"
        },
    )
}
