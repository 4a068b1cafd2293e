export { type Drawer, draw } from './drawing.ts'
export {
  type CollectingRecord,
  type Draws,
  networkVersion,
  type RandomnessRecord,
  type SettledRecord,
  settledRandomness,
} from './records.ts'
export { settleRandomness, takeRandomness } from './reducer.ts'
