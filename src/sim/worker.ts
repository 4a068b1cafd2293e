import { type SimulationOptions, simulate } from './simulation.ts'

// One worker process of a batch: a seed in, its report out.
process.on('message', (options: SimulationOptions) => {
  void simulate(options).then(report => process.send!(report))
})
