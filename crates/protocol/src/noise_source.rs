//! Where normal numbers come from.

use names::names;

names! {
    /// The generator behind an image's noise, by the web UI's words.
    pub enum NoiseSource: "random number source" {
        /// Philox, as torch draws on an NVIDIA GPU, computed alike on every machine.
        Nv = "NV" ["GPU"],
        /// The Mersenne Twister, as torch draws on a CPU.
        Cpu = "CPU",
    }
}
