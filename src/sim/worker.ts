import type { RunOptions } from './batch.ts'
import { runTrial } from './twin.ts'

// One worker process of a batch: a run in, its report out.
process.on('message', (options: RunOptions) => {
  void runTrial(options).then(report => process.send!(report))
})
