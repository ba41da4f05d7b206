"""What whoever operates a server looks at: metrics and structured logs."""
