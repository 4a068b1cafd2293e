export {
  createExports,
  type ExportEffect,
  type ExportEvent,
  type ExportedEffect,
  type ExportResult,
  type ExportState,
  stepExports,
} from './gateway.ts'
export {
  type AnsweredExports,
  answerExport,
  type ExportAuthority,
  type ExportInUse,
  requireInUse,
} from './holder.ts'
export { exportRule, refreshExported, requireExportable } from './rule.ts'
export { exportInfo, exportOccasion } from './sealing.ts'
