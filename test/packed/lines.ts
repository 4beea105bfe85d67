/** One line of OpenTelemetry, as its users have it. */
export interface Line {
  readonly name: string;
  /** What a user of this line installs beside our packages. */
  readonly packages: readonly string[];
}

export const LINES: readonly Line[] = [
  {
    name: 'SDK 2.x, API 1.9',
    packages: [
      '@opentelemetry/api@1.9.1',
      '@opentelemetry/instrumentation@0.223.0',
      '@opentelemetry/sdk-node@0.223.0',
      '@opentelemetry/sdk-trace@2.12.0',
      '@opentelemetry/exporter-trace-otlp-http@0.223.0',
    ],
  },
  {
    name: 'SDK 3.x, API 1.10',
    packages: [
      '@opentelemetry/api@1.10.0',
      '@opentelemetry/instrumentation@0.301.0',
      '@opentelemetry/sdk-node@0.301.0',
      '@opentelemetry/sdk-trace@3.1.0',
      '@opentelemetry/exporter-trace-otlp-http@0.301.0',
    ],
  },
];

/** The versions of Node that users have: the oldest that we take, the one we develop on, the newest. */
export const NODES: readonly string[] = ['22.15.0', '24.21.0', '26.10.0'];

/** Engines to observe: one of ES modules only, and one that can be required. */
export const ENGINES: readonly string[] = [
  '@earendil-works/pi-coding-agent@0.87.1',
  '@openai/agents@0.20.0',
  'zod@4.3.5',
];
