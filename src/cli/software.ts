import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}

/** Name and version, as beacons, OpenAPI and `--version` tell them. */
export const VERSION: string = version
export const SOFTWARE: string = `ostraka/${version}`
