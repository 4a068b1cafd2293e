import type { Part } from './report.ts'

export const atRest: Part = { name: 'at-rest', title: 'at-rest', run: async () => {} }
