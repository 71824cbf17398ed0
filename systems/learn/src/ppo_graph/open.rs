//! From what a pipeline asks for to a device.

use candle_core::Device;
use starling_components::fault::Fault;
use starling_components::learners::ppo::PpoDevice;

/// The device whose graph computes; `None` for the kernels on the processor.
///
/// # Errors
/// A CUDA device is asked for, and the build has no CUDA or the machine no such device.
pub(crate) fn open(device: PpoDevice) -> Result<Option<Device>, Fault> {
    match device {
        PpoDevice::Cpu => Ok(None),
        PpoDevice::Candle => Ok(Some(Device::Cpu)),
        PpoDevice::Cuda => cuda().map(Some),
    }
}

fn cuda() -> Result<Device, Fault> {
    if !candle_core::utils::cuda_is_available() {
        let fault = Fault::pipeline("this build of starling cannot learn on a CUDA device");
        return Err(fault
            .advise("build it with `--features cuda` (see docs/cuda.md), or leave `device` out")
            .within(["device"]));
    }
    // With a stream of its own, not one per thread: whichever thread learns, the device does things in the order in which they are asked for.
    Device::new_cuda_with_stream(0).map_err(|error| {
        Fault::pipeline(format!("there is no CUDA device to learn on: {error}"))
            .advise("see what docs/cuda.md says is needed at start, or leave `device` out")
            .within(["device"])
    })
}
