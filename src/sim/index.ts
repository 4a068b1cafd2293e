export { runSim, type SimOptions } from './batch.ts'
