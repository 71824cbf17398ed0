//! Which adapters there are, and which one is chosen.

use starling_components::Fault;
use std::fmt::{Display, Formatter};
use wgpu::{Adapter, Backends, DeviceType, Features, Instance, InstanceDescriptor};

/// Chooses an adapter: its number in `starling doctor`, a part of its name, `software` or `hardware`.
pub(crate) const CHOICE: &str = "STARLING_ADAPTER";
/// What to do where there is none.
const INSTALL: &str = "install the graphics driver's Vulkan part, or Mesa's software adapter (`apt-get install --no-install-recommends \
                       mesa-vulkan-drivers libvulkan1`); `starling doctor` lists what is found; `backend = \"cpu\"` needs none";

/// An adapter as `starling doctor` shows it.
#[derive(Debug, Clone)]
pub struct AdapterReport {
    /// The device's name.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// Runs on the processor: right, and slow.
    pub software: bool,
    /// Times itself.
    pub timestamps: bool,
    /// Largest buffer, in bytes.
    pub max_buffer: u64,
    /// Largest buffer that a kernel can read, in bytes.
    pub max_binding: u64,
    /// Buffers that one kernel can read and write.
    pub storage_buffers: u32,
    /// Memory that the invocations of a group share, in bytes.
    pub workgroup_memory: u32,
    /// Groups in one dimension of a dispatch.
    pub workgroups: u32,
}

impl AdapterReport {
    pub(crate) fn of(adapter: &Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Self {
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            name: info.name,
            software: info.device_type == DeviceType::Cpu,
            timestamps: adapter.features().contains(Features::TIMESTAMP_QUERY),
            max_buffer: limits.max_buffer_size,
            max_binding: limits.max_storage_buffer_binding_size,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroups: limits.max_compute_workgroups_per_dimension,
        }
    }
}

impl Display for AdapterReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let kind = if self.software { "software" } else { "hardware" };
        write!(f, "{} ({kind}; {})", self.name, self.driver)
    }
}

/// Every adapter, in the order in which they are numbered: hardware first.
pub fn adapters() -> Vec<AdapterReport> {
    found(&instance()).iter().map(AdapterReport::of).collect()
}

pub(crate) fn instance() -> Instance {
    Instance::new(InstanceDescriptor {
        backends: Backends::VULKAN,
        ..InstanceDescriptor::new_without_display_handle()
    })
}

pub(crate) fn found(instance: &Instance) -> Vec<Adapter> {
    let rank = |adapter: &Adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    };
    let mut all = pollster::block_on(instance.enumerate_adapters(Backends::VULKAN));
    all.sort_by_key(rank);
    all
}

pub(crate) fn chosen(all: Vec<Adapter>, choice: Option<&str>) -> Result<Adapter, Fault> {
    let names: Vec<String> = all
        .iter()
        .map(|adapter| AdapterReport::of(adapter).to_string())
        .collect();
    let fits = |(number, adapter): (usize, &Adapter)| {
        let report = AdapterReport::of(adapter);
        choice.is_none_or(|choice| match choice {
            "software" => report.software,
            "hardware" => !report.software,
            other => match other.parse::<usize>() {
                Ok(wanted) => wanted == number,
                Err(_) => report.name.to_lowercase().contains(&other.to_lowercase()),
            },
        })
    };
    match (all.iter().enumerate().position(fits), choice) {
        (Some(place), _) => Ok(all
            .into_iter()
            .nth(place)
            .unwrap_or_else(|| unreachable!("it was found there"))),
        (None, Some(choice)) if !names.is_empty() => {
            let message = format!("{CHOICE}={choice} fits none of the adapters: {}", names.join(", "));
            Err(Fault::run(message).advise("give a part of a name, a number from 0, `software` or `hardware`"))
        }
        (None, _) => Err(Fault::run("this machine has no Vulkan adapter").advise(INSTALL)),
    }
}
