export { isReadable, openInput, readRepeatedly, readSmallFile, readWhole } from './reading.ts'
export { isStandardOutput, isStream } from './standing.ts'
export { makeDirectory, readJson, readText } from './texts.ts'
export {
  replaceFile,
  replaceSecret,
  requireFree,
  writeNew,
  writeSecret,
  writeStream,
  writeWhole,
} from './writing.ts'
