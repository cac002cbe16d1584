import { type DragEvent, type ReactNode, useRef, useState } from "react";

/** Takes an audio file dropped anywhere on the page. */
export function DropZone({
  enabled,
  onFile,
  children,
}: {
  readonly enabled: boolean;
  readonly onFile: (file: File) => void;
  readonly children: ReactNode;
}) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const moved = (event: DragEvent, by: number): void => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    depth.current += by;
    setOver(enabled && depth.current > 0);
  };
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (enabled && file) onFile(file);
  };
  return (
    <div
      className="app"
      onDragEnter={(event) => moved(event, 1)}
      onDragLeave={(event) => moved(event, -1)}
      onDragOver={(event) => moved(event, 0)}
      onDrop={dropped}
    >
      {children}
      {over && (
        <div className="drop-hint" aria-hidden="true">
          Drop it to caption it
        </div>
      )}
    </div>
  );
}
