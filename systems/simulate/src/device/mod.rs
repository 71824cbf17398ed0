//! Environments that are played on a device: which ones, and what becomes of them where there is none.

mod lanes;
mod rollout;

use bevy_ecs::prelude::*;
use lanes::DeviceLanes;
use starling_components::Fault;
use starling_components::random::Key;
use starling_components::simulate::{Lanes, Simulate};
use starling_components::spaces::EnvironmentShape;
use starling_components::specs::Backend;
use starling_components::twin::Twin;
use starling_shaders::{Gpu, Packing, World as Kernels};
use std::sync::Arc;

/// The device of this process: opened when a pipeline first asks for it. External.
#[derive(Resource, Default)]
pub struct Graphics {
    gpu: Option<Arc<Gpu>>,
    /// Why there is none, once that has been found out.
    missing: Option<Fault>,
    /// What is worth telling the person who started the run.
    pub notes: Vec<String>,
}

impl Graphics {
    /// The device, if one has been opened.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        self.gpu.as_ref()
    }

    fn open(&mut self) -> Result<Arc<Gpu>, Fault> {
        if let Some(fault) = &self.missing {
            return Err(fault.clone());
        }
        if self.gpu.is_none() {
            match Gpu::open() {
                Ok(gpu) => self.gpu = Some(gpu),
                Err(fault) => {
                    self.missing = Some(fault.clone());
                    return Err(fault);
                }
            }
        }
        self.gpu.clone().ok_or_else(|| Fault::run("the device was not opened"))
    }

    /// What plays `environment`, called `name`, where its file says `backend`: itself on the processor, or its kernels.
    ///
    /// # Errors
    /// The file insists on a device, and there is none or the rules have no kernels.
    pub(crate) fn player(
        &mut self,
        name: &str,
        backend: Backend,
        environment: &Arc<dyn Simulate>,
    ) -> Result<Arc<dyn Simulate>, Fault> {
        let kernels = match backend {
            Backend::Cpu => return Ok(Arc::clone(environment)),
            Backend::Auto | Backend::Gpu => self.kernels(environment),
        };
        match (kernels, backend) {
            (Ok(kernels), Backend::Auto) if kernels.gpu().report().software => {
                self.notes.push(format!(
                    "{name} is played on the processor: the only adapter is {}, which is slower",
                    kernels.gpu().report()
                ));
                Ok(Arc::clone(environment))
            }
            (Ok(kernels), _) => {
                self.notes
                    .push(format!("{name} is played on {}", kernels.gpu().report()));
                Ok(Arc::new(OnDevice {
                    environment: Arc::clone(environment),
                    kernels,
                }))
            }
            (Err(fault), Backend::Auto) => {
                self.notes
                    .push(format!("{name} is played on the processor: {}", fault.message));
                Ok(Arc::clone(environment))
            }
            (Err(fault), _) => Err(fault.within(["backend"])),
        }
    }

    fn kernels(&mut self, environment: &Arc<dyn Simulate>) -> Result<Arc<Kernels>, Fault> {
        let twin = environment.twin().ok_or_else(|| {
            Fault::pipeline("these rules have no kernels for a device").advise("leave `backend` out, or say \"cpu\"")
        })?;
        let gpu = self.open()?;
        Kernels::compile(&gpu, environment.shape(), &twin, Packing::Bytes)
    }
}

/// An environment whose lanes are stepped by kernels.
struct OnDevice {
    environment: Arc<dyn Simulate>,
    kernels: Arc<Kernels>,
}

impl Simulate for OnDevice {
    fn shape(&self) -> &EnvironmentShape {
        self.environment.shape()
    }
    fn open_from(&self, key: Key, first: u32, lanes: usize) -> Box<dyn Lanes> {
        let host = self.environment.open_from(key, first, lanes);
        let shape = self.environment.shape().clone();
        Box::new(DeviceLanes::new(host, shape, Arc::clone(&self.kernels), key, first))
    }
    fn twin(&self) -> Option<Twin> {
        self.environment.twin()
    }
}
