export { runSim, type SimOptions } from './batch.ts'
export { type Charge, runTrials } from './trial-batch.ts'
